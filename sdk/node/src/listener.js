/** Hears the supervisor: answers pings, keeps what `welcome` said, turns `drain`, SIGTERM and the end of the line into one drain. */

import { setMaxListeners } from 'node:events';

import { LineLost, ProtocolError, Rejected } from './errors.js';
import { timerMs } from './values.js';

/** Everything that is heard. Gets messages from the line as its ear. */
export class Listener {
  /** @type {object | null} */
  welcome = null;
  /** @type {{ reason: string, graceMs?: number } | null} */
  drain = null;
  /** Aborted at the drain, which is its reason. */
  draining = new AbortController();
  /** Whether the supervisor itself said `drain`. */
  toldToDrain = false;
  /** What ended the line: `LineLost`, or the worse that went before it. */
  failure = null;
  /** Settles at `welcome`, or at the end of the line without one. */
  answered;
  /** Resolves with `failure` at the end of the line. */
  ended;

  #line;
  #tasks;
  #stumbled;
  #answer;
  #end;
  #callbacks = [];
  #sequence = 0;
  #pulse = null;

  /**
   * @param {import('./line.js').Line | null} line
   * @param {object | null} tasks what hears `task`, `cancel` and `ack`, if this process does tasks
   * @param {(error: unknown) => void} stumbled a callback of the program failed
   */
  constructor(line, tasks, stumbled) {
    this.#line = line;
    this.#tasks = tasks;
    this.#stumbled = stumbled;
    // Everything a program does may listen for the drain; that is no leak.
    setMaxListeners(0, this.draining.signal);
    this.answered = new Promise((resolve) => (this.#answer = resolve));
    this.ended = new Promise((resolve) => (this.#end = resolve));
    if (line === null) this.#answer();
    else line.listen(this);
  }

  /** Calls back once, at the drain; at once if it has come already. */
  onDrain(callback) {
    if (this.drain === null) this.#callbacks.push(callback);
    else this.#call(callback);
  }

  /** Begins the drain, unless it has begun. */
  begin(drain) {
    if (this.drain !== null) return;
    this.drain = Object.freeze(drain);
    this.draining.abort(this.drain);
    const callbacks = this.#callbacks.splice(0);
    for (const callback of callbacks) this.#call(callback);
  }

  /** Says a heartbeat. */
  beat(memory) {
    // Of the last ping: a number of our own could pass for the answer to one.
    this.#line?.say('heartbeat', { sequence: this.#sequence, busy: this.#tasks?.busy(), memory });
  }

  /** Stops the heartbeats. */
  stop() {
    clearInterval(this.#pulse);
  }

  /** The ear of the line: a message. */
  message({ name, fields }) {
    switch (name) {
      case 'ping':
        this.#sequence = fields.sequence;
        this.#try(() => this.beat());
        return;
      case 'drain':
        this.toldToDrain = true;
        this.begin({ reason: fields.reason, graceMs: Number(fields.grace_ms) });
        return;
      case 'welcome':
        this.#welcomed(fields);
        return;
      case 'reject':
        throw new Rejected(fields.code, fields.message);
      default:
        if (this.#tasks === null) {
          throw new ProtocolError(
            `the supervisor sent ${name}, but this program is a service; declare it as one, or use runTasks()`,
          );
        }
        this.#tasks.hear(name, fields);
    }
  }

  /** The ear of the line: all that was read at once has been told. */
  turn() {
    this.#tasks?.begin();
  }

  /** The ear of the line: its end. */
  end(failure) {
    this.failure = failure;
    this.stop();
    this.#answer();
    this.#end(failure);
    this.begin({ reason: failure.message });
  }

  #welcomed(fields) {
    const { unit, instance, incarnation, max_frame: maxFrame, heartbeat_ms: heartbeatMs, config } = fields;
    this.welcome = Object.freeze({ unit, instance, incarnation, maxFrame, heartbeatMs, config: config ?? {} });
    this.stop();
    // It does not keep a program alive that has nothing else to do.
    if (heartbeatMs) this.#pulse = setInterval(() => this.#try(() => this.beat()), timerMs(heartbeatMs)).unref();
    this.#answer();
  }

  #try(say) {
    try {
      say();
    } catch (error) {
      // The reading side tells the end, after what was said before it.
      if (!(error instanceof LineLost)) this.#stumbled(error);
    }
  }

  #call(callback) {
    try {
      const returned = callback(this.drain);
      if (typeof returned?.then === 'function') returned.then(undefined, this.#stumbled);
    } catch (error) {
      this.#stumbled(error);
    }
  }
}
