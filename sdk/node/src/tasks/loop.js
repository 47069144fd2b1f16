/**
 * The tasks this worker holds, up to `credits` of them at once.
 *
 *     task ──▶ waiting ── accepted ──▶ running ── result, error, snooze ──▶ unacked ── ack ──▶ forgotten
 *                └─ cancelled, or the worker is broken: answered without having run
 *
 * What was read at once is accepted in one write, and the answers of a turn of the event loop go out in another. But
 * `accepted` starts the clocks of a task, so a worker whose handlers block the event loop accepts one after the other.
 */

import { performance } from 'node:perf_hooks';

import { LineLost, ProtocolError } from '../errors.js';
import { Failure } from '../failures.js';
import { Answers } from './answers.js';
import { Snooze } from './outcome.js';
import { Task, cancellation } from './task.js';

/** Handlers that keep the event loop for longer, in milliseconds, are started one by one. */
const BLOCKING = 5;

export class TaskLoop {
  /** The worker of these tasks; set before the first one is heard. */
  worker = null;
  /** Why this worker takes no more tasks, once a handler said so. */
  broken = null;

  #line;
  #handlers;
  #credits;
  #answers;
  #waiting = new Map();
  #running = new Map();
  #abandoned = false;
  #burst = 1;
  #inBurst = false;
  #watchers = [];

  /**
   * @param {import('../line.js').Line} line
   * @param {import('./handlers.js').Handlers} handlers
   * @param {number} credits
   */
  constructor(line, handlers, credits) {
    this.#line = line;
    this.#handlers = handlers;
    this.#credits = credits;
    this.#answers = new Answers(line);
  }

  /** How many tasks have no answer yet. */
  get held() {
    return this.#waiting.size + this.#running.size;
  }

  /** How many answers have no ack yet. */
  get unacked() {
    return this.#answers.unacked;
  }

  /** The handles of the tasks that have no answer yet, for the heartbeat. */
  busy() {
    return [...this.#running.keys(), ...this.#waiting.keys()];
  }

  /** Resolves when `condition()` holds; it is looked at whenever something of this loop changes. */
  until(condition) {
    return new Promise((resolve) => {
      this.#watchers.push({ condition, resolve });
      this.#changed();
    });
  }

  /** Gives all tasks up, and answers none any more: nobody would hear it, or it would come after the last word. */
  abandon(reason) {
    this.#abandoned = true;
    this.#waiting.clear();
    for (const task of this.#running.values()) Task.cancel(task, reason);
  }

  /** A `task`, `cancel` or `ack` was heard. A cancel or an ack of what is over is stale, and dropped. */
  hear(name, fields) {
    if (this.#abandoned) return;
    if (name === 'task') this.#take(fields);
    else if (name === 'cancel') this.#cancel(fields);
    else this.#answers.acked(fields.handle, fields.of);
    this.#changed();
  }

  #take(fields) {
    const { handle } = fields;
    if (this.held >= this.#credits) {
      throw new ProtocolError(
        `the supervisor sent a task more than the ${this.#credits} credits it has; that is a mistake in hearken, please report it`,
      );
    }
    if (this.#waiting.has(handle) || this.#running.has(handle) || this.#answers.awaits(handle)) {
      throw new ProtocolError(
        `the supervisor used handle ${handle} for two tasks; that is a mistake in hearken, please report it`,
      );
    }
    this.#waiting.set(handle, fields);
  }

  #cancel({ handle, reason, grace_ms: graceMs }) {
    const task = this.#running.get(handle);
    if (task !== undefined) Task.cancel(task, reason, graceMs);
    else if (this.#waiting.delete(handle)) this.#answers.error(handle, cancellation(reason));
  }

  /** Starts what waits, when all that was read at once has been heard. */
  begin() {
    if (this.#inBurst || this.#waiting.size === 0) return;
    if (this.broken !== null) return this.#handBack();
    const started = [];
    for (const [handle, fields] of this.#waiting) {
      if (started.length === this.#burst) break;
      this.#waiting.delete(handle);
      const task = new Task(fields, (name, said) => this.#say(handle, name, said), this.worker);
      this.#running.set(handle, task);
      this.#line.say('accepted', { handle });
      started.push([handle, task]);
    }
    this.#inBurst = true;
    // Takes the answers of this turn along. Out before any work begins: it starts the clocks.
    this.#line.flush();
    if (this.#line.backlog === 0) this.#start(started);
    else this.#line.drained().then(() => this.#start(started));
  }

  #start(started) {
    const startedAt = performance.now();
    for (const [handle, task] of started) this.#perform(handle, task);
    setImmediate(() => {
      this.#inBurst = false;
      const isBlocking = performance.now() - startedAt > BLOCKING;
      this.#burst = isBlocking ? 1 : Math.min(this.#burst * 2, this.#credits);
      unlessLost(() => this.begin());
      this.#line.flush();
    });
  }

  #perform(handle, task) {
    let returned;
    try {
      returned = this.#handlers.of(task.type)(task);
    } catch (thrown) {
      this.#fail(handle, task, thrown);
      return;
    }
    if (typeof returned?.then === 'function') {
      Promise.resolve(returned).then(
        (value) => this.#finish(handle, task, value),
        (thrown) => this.#fail(handle, task, thrown),
      );
    } else {
      this.#finish(handle, task, returned);
    }
  }

  #finish(handle, task, returned) {
    if (this.#abandoned) return this.#over(handle);
    try {
      const late = this.#answers.result(handle, returned);
      if (late === undefined) this.#over(handle);
      else late.then(() => this.#over(handle), (thrown) => this.#fail(handle, task, thrown));
    } catch (thrown) {
      this.#fail(handle, task, thrown);
    }
  }

  #fail(handle, task, thrown) {
    if (this.#abandoned) return this.#over(handle);
    unlessLost(() => {
      if (thrown instanceof Snooze) this.#answers.snooze(handle, thrown);
      else this.#answers.error(handle, Task.becauseOf(task, thrown));
      if (thrown instanceof Failure && thrown.scope === 'worker') this.#retire(thrown.message);
    });
    this.#over(handle);
  }

  #over(handle) {
    this.#running.delete(handle);
    this.#changed();
  }

  #retire(reason) {
    if (this.broken !== null) return;
    this.broken = reason;
    this.worker.askToBeReplaced(reason);
    this.#handBack();
  }

  /** What has not begun goes to another worker, and no attempt is used up. */
  #handBack() {
    for (const handle of this.#waiting.keys()) {
      this.#waiting.delete(handle);
      this.#answers.snooze(handle, new Snooze(0, `this worker takes no more tasks: ${this.broken}`));
    }
    this.#changed();
  }

  /** What a task says about itself; when it is over there is nobody to hear it. */
  #say(handle, name, fields) {
    if (this.#abandoned || !this.#running.has(handle)) return;
    // A metric concerns the process.
    this.#line.say(name, name === 'metric' ? fields : { handle, ...fields });
  }

  #changed() {
    if (this.#watchers.length === 0) return;
    this.#watchers = this.#watchers.filter(({ condition, resolve }) => !condition() || resolve());
  }
}

/** The reading side tells the end of the line, after what was said before it. */
function unlessLost(say) {
  try {
    say();
  } catch (error) {
    if (!(error instanceof LineLost)) throw error;
  }
}
