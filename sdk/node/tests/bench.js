/**
 * How many empty tasks a second one worker does: `node sdk/node/tests/bench.js [tasks]`. The supervisor is this process,
 * which costs as much as the worker.
 */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { TASK, WELCOME, packed } from './peer.js';

const HELLO = 1;
const READY = 2;
const RESULT = 7;
const KIND_AT = 5; // behind the length and the head of the pair

const tasks = Number(process.argv[2] ?? 100_000);

if (process.argv[2] === 'worker') {
  const { runTasks } = await import('../src/index.js');
  runTasks(async () => {}, { credits: Number(process.argv[3]) });
} else {
  for (const credits of [1, 4, 16]) {
    const perSecond = await measure(credits);
    console.log(`credits ${String(credits).padStart(2)}: ${Math.round(perSecond)} tasks/s`);
  }
}

function measure(credits) {
  const script = [fileURLToPath(import.meta.url), 'worker', String(credits)];
  const child = spawn(process.execPath, script, { env: { ...process.env, HEARKEN_FD: '3' }, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const line = child.stdio[3];
  return new Promise((resolve, reject) => {
    child.on('close', (code) => reject(new Error(`the worker ended with ${code}`)));
    const warm = Math.ceil(tasks / 4);
    let next = 1;
    let done = 0;
    let started;
    let kept = Buffer.alloc(0);
    line.on('data', (data) => {
      const bytes = kept.length > 0 ? Buffer.concat([kept, data]) : data;
      const out = [];
      let at = 0;
      for (; bytes.length - at >= 4 && bytes.length - at >= 4 + bytes.readUInt32BE(at); at += 4 + bytes.readUInt32BE(at)) {
        const kind = bytes[at + KIND_AT];
        if (kind === HELLO) out.push(packed('welcome', WELCOME));
        if (kind === READY) for (let held = 0; held < credits; held++) out.push(packed('task', { ...TASK, handle: next++ }));
        if (kind !== RESULT) continue;
        if (++done === warm) started = performance.now();
        if (done === warm + tasks) {
          child.removeAllListeners('close');
          child.kill('SIGKILL');
          resolve(tasks / ((performance.now() - started) / 1000));
          return;
        }
        out.push(ackOf(bytes, at), packed('task', { ...TASK, handle: next++ }));
      }
      kept = bytes.subarray(at);
      if (out.length > 0) line.write(Buffer.concat(out));
    });
    line.on('error', () => {}); // the end of the child, which `close` tells
  });
}

/** The handle is the first field; as it came, it goes back. */
function ackOf(bytes, at) {
  const handleAt = at + KIND_AT + 2 + 'handle'.length + 1;
  const sizes = { 0xcc: 1, 0xcd: 2, 0xce: 4 };
  const size = sizes[bytes[handleAt]];
  const handle = size === undefined ? bytes[handleAt] : bytes.readUIntBE(handleAt + 1, size);
  return packed('ack', { handle, of: RESULT });
}
