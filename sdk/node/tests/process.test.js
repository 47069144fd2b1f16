/** Real processes: how `run` ends, signals, grandchildren, and a missing or broken line. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';

import { Child, ROOT } from './peer.js';

const main = (body) => `hearken.run(async (worker) => {\n${body}\n});`;

/** Runs `body` as main to its end: `{ code, out, err, heard }`, `heard` without the hello. */
async function ended(body, options) {
  const child = new Child(main(body), options);
  // Reads to the end first: a child that waits in a write would never exit.
  const heard = child.peer === null ? [] : await child.peer.hearAll();
  return { ...(await child.finish()), heard: heard.slice(1) };
}

test('a return is done and exit 0', async () => {
  const { code, heard, err } = await ended('worker.ready();');
  assert.deepEqual([code, heard, err], [0, [['ready', {}], ['exiting', { intent: 'done' }]], '']);
});

for (const [thrown, kind, expected] of [
  ['Transient()', 'transient', 75],
  ['Retryable()', 'transient', 75],
  ["RateLimited('', { afterMs: 30000 })", 'rate_limited', 75],
  ['Timeout()', 'timeout', 75],
  ["Unavailable('db', { dependency: 'db' })", 'unavailable', 69],
  ['Conflict()', 'conflict', 75],
  ['Resource()', 'resource', 71],
  ['Invalid()', 'invalid', 65],
  ['NotFound()', 'not_found', 66],
  ['Denied()', 'denied', 77],
  ["Fatal('no such table')", 'config', 78],
  ['Bug()', 'bug', 70],
  ['Cancelled()', 'cancelled', 75],
]) {
  test(`${thrown} is an error of kind ${kind} and exit ${expected}`, async () => {
    const { code, heard, err } = await ended(`throw new hearken.${thrown};`);
    assert.deepEqual([code, err, heard.length], [expected, '', 1]);
    assert.deepEqual([heard[0][0], heard[0][1].kind], ['error', kind]);
  });
}

test('any other error is a bug with its trace', async () => {
  const { code, heard, err } = await ended('null.nothing;');
  assert.deepEqual([code, err], [70, '']);
  assert.deepEqual([heard[0][1].kind, heard[0][1].code], ['bug', 'TypeError']);
  assert.match(heard[0][1].trace, /at /);
});

test('an error that no await sees is told, too', async () => {
  for (const body of ["setTimeout(() => { throw new RangeError('late'); });", "Promise.reject(new RangeError('late'));"]) {
    const { code, heard } = await ended(`${body}\nawait worker.wait();`);
    assert.deepEqual([code, heard[0][1].code, heard[0][1].message], [70, 'RangeError', 'late']);
  }
});

test('an intent of main is the last word', async () => {
  const { code, heard } = await ended("worker.exiting('stay_down', 'no licence');");
  assert.deepEqual([code, heard], [0, [['exiting', { intent: 'stay_down', reason: 'no licence' }]]]);
});

test('process.exit keeps its code and is not told', async () => {
  const { code, heard, err } = await ended('process.exit(3);');
  assert.deepEqual([code, heard, err], [3, [], '']);
});

test('what a program holds open does not keep it from ending', async () => {
  const { code } = await ended('setInterval(() => {}, 1000);');
  assert.equal(code, 0);
});

test('without a supervisor the exit codes are the same', async () => {
  const alone = { supervised: false };
  const limited = await ended("worker.ready();\nthrow new hearken.RateLimited('slow down', { afterMs: 30000 });", alone);
  assert.equal(limited.code, 75);
  assert.deepEqual(limited.err.trimEnd().split('\n'), [
    'hearken: ready',
    'hearken: error rate_limited (rate_limited): slow down retry_after_ms=30000',
  ]);
  const bug = await ended('null.nothing;', alone);
  assert.equal(bug.code, 70);
  assert.match(bug.err, /TypeError: .*\n +at /s);
});

test('without a supervisor what would have been said is printed, checked just the same', async () => {
  const body = `
    console.log(worker.supervised, await worker.welcome());
    worker.progress(3, 9, { unit: 'files', message: 'two\\nlines' });
    worker.log('warn', 'disk', { left: '1 GiB' });
    worker.heartbeat();
    worker.status('up');
    try { worker.ready(-1); } catch (error) { console.log(error.name); }`;
  const { out, err } = await ended(body, { supervised: false });
  assert.equal(out, 'false null\nNotSendable\n');
  assert.deepEqual(err.trimEnd().split('\n'), [
    'hearken: progress 3/9 files two lines',
    'hearken: warn: disk left=1 GiB',
    'hearken: status: up',
    'hearken: exiting intent=done',
  ]);
});

test('a reject is one line and a stop for good, whatever main does', async () => {
  for (const body of ['await worker.wait();', 'await new Promise((resolve) => setTimeout(resolve, 60000));']) {
    const child = new Child(main(body));
    await child.peer.expect('hello');
    child.peer.say('reject', { code: 'unsupported_protocol', message: 'speaks 2 to 3' });
    const { code, err } = await child.finish();
    assert.deepEqual([code, err.trimEnd().split('\n').length], [78, 1]);
    assert.match(err, /speaks 2 to 3/);
  }
});

test('what cannot be understood is one line and exit 76', async () => {
  const child = new Child(main('await new Promise((resolve) => setTimeout(resolve, 60000));'));
  await child.peer.expect('hello');
  child.peer.raw(Buffer.from('GET / HTTP/1.1\r\n'));
  const { code, err } = await child.finish();
  assert.deepEqual([code, err.trimEnd().split('\n').length], [76, 1]);
});

test('a dead supervisor is one line and no trace', async () => {
  const child = new Child(main("await worker.wait();\nworker.status('still here');"));
  await child.peer.expect('hello');
  child.peer.close();
  const { code, err } = await child.finish();
  assert.deepEqual([code, err.trimEnd().split('\n').length], [75, 1]);
  assert.match(err, /gone/);
});

test('work that was finished without a supervisor is finished', async () => {
  const child = new Child(main('await worker.wait();'));
  await child.peer.expect('hello');
  child.peer.close();
  const { code, out, err } = await child.finish();
  assert.deepEqual([code, out, err], [0, '', '']);
});

test('SIGTERM ends a wait', async () => {
  for (const supervised of [true, false]) {
    const child = new Child(main("console.log('up');\nawait worker.wait();\nconsole.log(JSON.stringify(worker.drain));"), { supervised });
    await child.printed('up');
    child.kill('SIGTERM');
    const { code, out } = await child.finish();
    assert.deepEqual([code, out], [0, 'up\n{"reason":"SIGTERM"}\n']);
  }
});

test('drain and SIGTERM are one drain, and the frame says more', async () => {
  const child = new Child(main("worker.onDrain((drain) => console.log(drain.reason));\nconsole.log('up');\nawait worker.wait();"));
  await child.peer.expect('hello');
  await child.printed('up');
  child.peer.say('drain', { grace_ms: 1500, reason: 'deploy' });
  child.kill('SIGTERM');
  const { code, out } = await child.finish();
  assert.deepEqual([code, out], [0, 'up\ndeploy\n']);
});

test('a handler of the program stays', async () => {
  const child = new Child(`process.on('SIGTERM', () => process.exit(9));\n${main("console.log('up');\nawait worker.wait();")}`);
  await child.printed('up');
  child.kill('SIGTERM');
  assert.equal((await child.finish()).code, 9);
});

test('a grandchild has neither line nor variable', async () => {
  // The grandchild outlives the child; the line ends all the same.
  const body = `
    const { spawn } = await import('node:child_process');
    const code = 'console.log(process.env.HEARKEN_FD); setTimeout(() => {}, 60000)';
    const held = spawn(process.execPath, ['-e', code], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => held.stdout.once('data', (data) => { worker.status(String(data)); resolve(); }));
    worker.event('held', { pid: held.pid });`;
  const child = new Child(main(body));
  const heard = await child.peer.hearAll();
  process.kill(heard[2][1].fields.pid, 'SIGKILL');
  assert.deepEqual(heard[1], ['status', { text: 'undefined\n' }]);
  assert.deepEqual(heard[3], ['exiting', { intent: 'done' }]);
  assert.equal((await child.finish()).code, 0);
});

test('a process has one worker', async () => {
  const { out } = await ended('console.log(hearken.connect() === worker);');
  assert.equal(out, 'true\n');
});

test('a line that is none is one line that says why, and exit 78', async () => {
  for (const [fd, why] of [
    ['three', 'not the number'],
    ['', 'not the number'],
    ['-1', 'not the number'],
    ['99999999999999999999', 'not the number'],
    ['1023', 'not open'],
    ['0', 'standard input'],
    ['3', 'not a socket'],
  ]) {
    const { code, err } = await ended('', { supervised: false, fd });
    assert.deepEqual([code, err.trimEnd().split('\n').length], [78, 1], fd);
    assert.ok(err.includes(`HEARKEN_FD='${fd}'`) && err.includes(why), err);
    assert.match(err, /unset it to run without a supervisor/);
  }
});

test('a TCP socket is not the line', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ours = net.connect(server.address().port, '127.0.0.1');
  await once(ours, 'connect');
  const script = ['--input-type=module', '-e', `import { run } from '${ROOT}src/index.js'; run(() => {});`];
  const child = spawn(process.execPath, script, {
    env: { ...process.env, HEARKEN_FD: '3' },
    stdio: ['ignore', 'ignore', 'pipe', ours],
  });
  let err = '';
  child.stderr.on('data', (data) => (err += data));
  const [code] = await once(child, 'close');
  ours.destroy();
  server.close();
  assert.equal(code, 78);
  assert.match(err, /TCP/);
});

test('the example runs from anywhere', async () => {
  const child = spawn(process.execPath, [path.join(ROOT, 'examples/worker.mjs')], { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (data) => {
    if (err === '') child.kill('SIGTERM');
    err += data;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  assert.match(err, /^hearken: ready\n(hearken: progress .*\n)+hearken: exiting intent=done\n$/);
});

test('the readme shows a whole program', () => {
  const shown = readFileSync(path.join(ROOT, 'README.md'), 'utf8').split('```js\n')[1].split('```')[0];
  assert.match(shown, /^import \{ run \} from 'hearken-worker';/);
  assert.ok(shown.trim().split('\n').length <= 8);
});
