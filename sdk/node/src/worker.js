/** The worker: this process as its supervisor knows it. */

import * as console from './console.js';
import * as descriptor from './descriptor.js';
import { describe } from './ending.js';
import { LineError, LineLost } from './errors.js';
import { Listener } from './listener.js';
import { SAY, Speech, tell } from './speech.js';
import { Termination } from './termination.js';
import { cut, timerMs } from './values.js';
import { VERSION } from './version.js';
import { Encoder } from './wire/encoder.js';
import * as frame from './wire/frame.js';
import { PROTOCOL } from './wire/messages.js';

/** Milliseconds for the last words to go out to a supervisor that does not read. */
const FAREWELL_PATIENCE = 5000;

let connected = null;

/**
 * The worker of this process: on the line that `HEARKEN_FD` names, or on its own if that is not set.
 *
 * A process has one line, so a second call returns the same worker.
 *
 * @param {{ build?: string }} [options] `build`: the version of your program
 */
export function connect({ build } = {}) {
  connected ??= new Worker(descriptor.open(), { build });
  return connected;
}

/** Speaks to the supervisor, or to standard error when there is none. Made by `connect`, `run` or `runTasks`. */
export class Worker extends Speech {
  #line;
  #listener;
  #termination;

  /**
   * @param {import('./line.js').Line | null} line
   * @param {{ build?: string, taskTypes?: string[], tasks?: object | null }} [options]
   */
  constructor(line, { build, taskTypes, tasks = null } = {}) {
    super();
    this.#line = line;
    this.#listener = new Listener(line, tasks, (error) => this.#stumbled(error));
    this.#termination = new Termination(() => this.#listener.begin({ reason: 'SIGTERM' }));
    this[SAY]('hello', {
      protocol: PROTOCOL,
      sdk: `hearken-node/${VERSION}`,
      language: `node ${process.versions.node}`,
      pid: process.pid,
      build,
      task_types: taskTypes,
    });
  }

  /** Whether there is a supervisor to speak to. */
  get supervised() {
    return this.#line !== null;
  }

  /** Whether to finish what is in hand and return: asked to, told by SIGTERM, or the supervisor is gone. */
  get draining() {
    return this.#listener.drain !== null;
  }

  /** Why and how fast, once draining: `{ reason, graceMs? }`, `graceMs` being what is left before the kill. */
  get drain() {
    return this.#listener.drain;
  }

  /** An AbortSignal for the drain: to hand to timers, servers and requests that should end with it. */
  get signal() {
    return this.#listener.draining.signal;
  }

  /** Calls back once when the drain begins, with `drain`; at once if it has begun. */
  onDrain(callback) {
    this.#listener.onDrain(callback);
    return this;
  }

  /**
   * Who this process is to the supervisor and its `config`; null without one. Waits for the first answer, `timeoutMs`
   * at most.
   */
  async welcome(timeoutMs = 5000) {
    const listener = this.#listener;
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, timerMs(timeoutMs), true)));
    const isLate = await Promise.race([listener.answered, late]);
    clearTimeout(timer);
    if (isLate) throw new LineError(`the supervisor did not answer hello within ${timeoutMs} ms; look at its log`);
    if (this.supervised && listener.welcome === null) throw listener.failure;
    return listener.welcome;
  }

  /**
   * Waits so many milliseconds, but returns early on a drain. Returns `draining`. Without a number it waits for the
   * drain; while draining it returns at once.
   */
  async wait(ms = Infinity) {
    if (!this.draining) await this.#drainedOrLate(ms);
    const { failure } = this.#listener;
    if (failure !== null && !(failure instanceof LineLost)) throw failure;
    return this.draining;
  }

  #drainedOrLate(ms) {
    const { signal } = this;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      // A timer in any case: on its own it is what keeps the program alive.
      const timer = Number.isFinite(ms) ? setTimeout(done, timerMs(ms)) : setInterval(() => {}, timerMs(Infinity));
      signal.addEventListener('abort', done);
    });
  }

  /** The program is up. `credits`: how many tasks it takes at once (1 if left out). */
  ready(credits) {
    this[SAY]('ready', { credits });
  }

  /** One line for people: what the program is doing. */
  status(text) {
    this[SAY]('status', { text: cut(text) });
  }

  /** Tells an error without ending: a `Failure` as what it is, anything else as a bug. */
  error(thrown) {
    tell(thrown, (fields) => this[SAY]('error', fields));
  }

  /** Says that this process is alive. The event loop does so by itself; this is for long work that blocks it. */
  heartbeat(memory) {
    if (this.supervised) {
      this.#listener.beat(memory);
      this.flush();
    }
  }

  /** Asks to be replaced once what is in hand is done. */
  askToBeReplaced(reason) {
    this[SAY]('draining', { reason: cut(reason) });
  }

  /** The last word before an exit: done, retry, restart_now or stay_down. Only log, status, metric, event and heartbeat may follow. */
  exiting(intent = 'done', reason = undefined) {
    this[SAY]('exiting', { intent, reason: reason == null ? undefined : cut(reason) });
  }

  /** Sends at once what was said in this turn of the event loop. Otherwise it goes out at the end of the turn. */
  flush() {
    this.#line?.flush();
  }

  /** Leaves the line, when what was said has gone out. `run` does this at the end. */
  async close() {
    this.#termination.remove();
    await this.leave();
    if (connected === this) connected = null;
  }

  /** `close`, for a process that exits next. */
  async leave() {
    this.#listener.stop();
    await this.#line?.close(FAREWELL_PATIENCE);
  }

  /** Resolves with what ended the line, when it ends; never without one. */
  get ended() {
    return this.#listener.ended;
  }

  /** Whether the supervisor itself asked for the drain, rather than a signal. */
  get toldToDrain() {
    return this.#listener.toldToDrain;
  }

  [SAY](name, fields) {
    if (this.#line === null) {
      // Checked just the same: a mistake should show where the program is tried out.
      frame.append(new Encoder(), name, fields, frame.MAX_FRAME_CEILING);
      console.show(name, fields);
      return;
    }
    const { failure } = this.#listener;
    if (failure !== null) throw failure;
    this.#line.say(name, fields);
  }

  #stumbled(error) {
    try {
      this.error(error);
    } catch {
      console.show('error', describe(error));
    }
  }
}
