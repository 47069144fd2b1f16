/** The supervisor's end of a line: what the package is tested against. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Line } from '../src/line.js';
import { Decoder } from '../src/wire/decoder.js';
import { Encoder } from '../src/wire/encoder.js';
import { TO_CHILD, TO_SUPERVISOR } from '../src/wire/messages.js';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const VECTORS = path.join(ROOT, '../../crates/proto/vectors');
const PACKAGE = new URL('../src/index.js', import.meta.url).href;

/** Milliseconds: a bound on what should happen at once; reached only by a failing test. */
export const PATIENCE = 20_000;

const KINDS = new Map([...TO_CHILD, ...TO_SUPERVISOR].map(({ name, kind }) => [name, kind]));
const NAMES = new Map([...KINDS].map(([name, kind]) => [kind, name]));

export const WELCOME = { protocol: 1, unit: 'web', instance: 2, incarnation: 3, max_frame: 1 << 20 };
export const TASK = { handle: 1, id: '019aa7c2-5d3c-7000-8000-000000000001', attempt: 1, crashes: 0, payload: null };

/** A frame by hand: nothing in it is checked. */
export function packed(kind, fields) {
  const encoder = new Encoder();
  encoder.reserve(4);
  encoder.value([typeof kind === 'string' ? KINDS.get(kind) : kind, fields], 0);
  encoder.bytes.writeUInt32BE(encoder.length - 4, 0);
  return Buffer.from(encoder.release());
}

/** The supervisor: says what it is told to, and hears in order. */
export class Peer {
  #socket;
  #heard = [];
  #waiting = [];
  #kept = Buffer.alloc(0);
  #ended = false;

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (data) => this.#feed(data));
    socket.on('error', () => {}); // the child was faster; `close` follows
    socket.on('close', () => {
      this.#ended = true;
      this.#serve();
    });
  }

  /** How many frames have come that nobody has asked for. */
  get unheard() {
    return this.#heard.length;
  }

  say(name, fields) {
    this.raw(packed(name, fields));
  }

  raw(bytes) {
    this.#socket.write(bytes);
  }

  welcome(fields = {}) {
    this.say('welcome', { ...WELCOME, ...fields });
  }

  /** The next message as `[name, fields]`; null at the end of the line. */
  hear() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('nothing was said')), PATIENCE);
      this.#waiting.push((heard) => {
        clearTimeout(timer);
        resolve(heard);
      });
      this.#serve();
    });
  }

  /** The fields of the next message, which must be this one. */
  async expect(name) {
    const heard = await this.hear();
    if (heard?.[0] !== name) throw new Error(`expected ${name}, heard ${JSON.stringify(heard)}`);
    return heard[1];
  }

  /** Everything up to the end of the line. */
  async hearAll() {
    const all = [];
    for (let heard = await this.hear(); heard !== null; heard = await this.hear()) all.push(heard);
    return all;
  }

  close() {
    this.#socket.destroy();
  }

  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  #feed(data) {
    this.#kept = Buffer.concat([this.#kept, data]);
    while (this.#kept.length >= 4 && this.#kept.length >= 4 + this.#kept.readUInt32BE(0)) {
      const end = 4 + this.#kept.readUInt32BE(0);
      const [kind, fields] = new Decoder(this.#kept, 4, end).value(0);
      this.#heard.push([NAMES.get(kind), fields]);
      this.#kept = this.#kept.subarray(end);
    }
    this.#serve();
  }

  #serve() {
    while (this.#waiting.length > 0 && (this.#heard.length > 0 || this.#ended)) {
      this.#waiting.shift()(this.#heard.shift() ?? null);
    }
  }
}

/** Both ends of a line in this process: `{ peer, line }`. `half`: the clock of a frame that is half there. */
export async function pair(half) {
  const directory = mkdtempSync(path.join(tmpdir(), 'hearken-node-'));
  const server = net.createServer().listen(path.join(directory, 'line'));
  await once(server, 'listening');
  const theirs = net.connect(path.join(directory, 'line'));
  const [ours] = await once(server, 'connection');
  await (theirs.connecting ? once(theirs, 'connect') : undefined);
  server.close();
  rmSync(directory, { recursive: true });
  return { peer: new Peer(ours), line: new Line(theirs, theirs._handle.fd, half) };
}

/** A real process that runs `code` with everything of the package in scope. */
export class Child {
  /**
   * @param {string} code
   * @param {{ supervised?: boolean, fd?: string, args?: string[], env?: object, input?: string, cwd?: string }} [options]
   */
  constructor(code, { supervised = true, fd, args = [], env = {}, input, cwd } = {}) {
    const given = { ...process.env, ...env };
    delete given.HEARKEN_FD;
    if (supervised) given.HEARKEN_FD = '4';
    if (fd !== undefined) given.HEARKEN_FD = fd;
    const script = ['--input-type=module', '-e', `import * as hearken from '${PACKAGE}';\n${code}`, '--', 'script', ...args];
    // Number 3 is somebody else's, so that nobody can take it for granted.
    const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'ignore', ...(supervised ? ['pipe'] : [])];
    this.process = spawn(process.execPath, script, { env: given, stdio, cwd });
    this.peer = supervised ? new Peer(this.process.stdio[4]) : null;
    this.#out = text(this.process.stdout);
    this.#error = text(this.process.stderr);
    if (input !== undefined) this.process.stdin.end(input);
  }

  #out;
  #error;

  /** Resolves when the process has printed a line that holds `part`. */
  printed(part) {
    return this.#out.until(part);
  }

  kill(signal) {
    this.process.kill(signal);
  }

  /** `{ code, signal, out, err }` once it has ended. */
  async finish() {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), PATIENCE);
    const [code, signal] = this.process.exitCode ?? this.process.signalCode
      ? [this.process.exitCode, this.process.signalCode]
      : await once(this.process, 'close');
    clearTimeout(timer);
    return { code, signal, out: await this.#out.whole, err: await this.#error.whole };
  }
}

function text(stream) {
  let read = '';
  stream.setEncoding('utf8');
  const whole = new Promise((resolve) => stream.on('close', () => resolve(read)));
  stream.on('data', (more) => (read += more));
  const until = async (part) => {
    while (!read.includes(part)) await Promise.race([once(stream, 'data'), whole]);
  };
  return { whole, until };
}
