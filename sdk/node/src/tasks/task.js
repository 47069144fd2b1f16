/** A task, as its handler sees it. */

import { performance } from 'node:perf_hooks';

import { Cancelled } from '../failures.js';
import { SAY, Speech } from '../speech.js';
import { bytesOf } from './outcome.js';

/** What there is to do, and the means to speak about it. Made for every attempt. */
export class Task extends Speech {
  #fields;
  #say;
  #acceptedAt = performance.now();
  #checkpoints = 0;
  #controller = null;
  #cancelled = null;
  #cancelDeadline = undefined;

  /**
   * @param {object} fields of the `task` message
   * @param {(name: string, fields: object) => void} say
   * @param {import('../worker.js').Worker} worker
   */
  constructor(fields, say, worker) {
    super();
    this.#fields = fields;
    this.#say = say;
    /** The worker that does it: its `welcome()`, `status()`, `drain`. */
    this.worker = worker;
  }

  /** What it is called everywhere, the same in all attempts. */
  get id() {
    return this.#fields.id;
  }

  /** What to do with the payload, if the submitter said so. */
  get type() {
    return this.#fields.type;
  }

  /** The work itself, any value. */
  get payload() {
    return this.#fields.payload;
  }

  /** A media type for `payload`. */
  get contentType() {
    return this.#fields.content_type;
  }

  /** The how-manieth attempt this is, from 1. */
  get attempt() {
    return this.#fields.attempt;
  }

  /** How many earlier attempts ended in a crash. */
  get crashes() {
    return this.#fields.crashes;
  }

  /** The idempotency key: the submitter's if there is one, else the id. The same in all attempts. */
  get key() {
    return this.#fields.key ?? this.#fields.id;
  }

  /** Whatever the submitter attached. */
  get headers() {
    return this.#fields.headers ?? {};
  }

  /** The W3C trace context. */
  get traceparent() {
    return this.#fields.traceparent;
  }

  /** The batch it belongs to. */
  get batch() {
    return this.#fields.batch;
  }

  /** The bytes of the latest `checkpoint()` of an earlier attempt. */
  get lastCheckpoint() {
    return this.#fields.checkpoint;
  }

  /** How the last attempt ended, as the fields of an `error` message: kind, code, message, … */
  get lastError() {
    return this.#fields.last_error;
  }

  /** The moment of `performance.now()` at which the supervisor will cancel it; undefined: never. */
  get softDeadline() {
    return this.#after(this.#fields.soft_ms);
  }

  /** The moment of `performance.now()` at which this process is killed over it. A cancel may bring it forward. */
  get deadline() {
    const ends = [this.#after(this.#fields.hard_ms), this.#cancelDeadline].filter((end) => end !== undefined);
    return ends.length > 0 ? Math.min(...ends) : undefined;
  }

  /** Milliseconds up to `deadline`, 0 when that is past; undefined if there is none. */
  get timeLeftMs() {
    const { deadline } = this;
    return deadline === undefined ? undefined : Math.max(0, deadline - performance.now());
  }

  /** Aborted when the task is cancelled, with a `Cancelled` for its reason: to hand to timers, requests, child processes. */
  get signal() {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#cancelled !== null) this.#controller.abort(this.#cancelled);
    }
    return this.#controller.signal;
  }

  /** Whether to give up. */
  get cancelled() {
    return this.#cancelled !== null;
  }

  /** Why to give up: timeout, operator, batch, lease_lost or shutdown; undefined if not. */
  get cancelReason() {
    return this.#cancelled?.details.reason;
  }

  /** Throws `Cancelled` if it is cancelled; let it pass. */
  throwIfCancelled() {
    if (this.#cancelled !== null) throw this.#cancelled;
  }

  /**
   * Keeps bytes (or text) for the next attempt, should this one fail or crash: 64 KiB at most. The last ones count.
   */
  checkpoint(data) {
    this[SAY]('checkpoint', { sequence: this.#checkpoints, data: bytesOf(data) ?? data });
    this.#checkpoints++;
  }

  [SAY](name, fields) {
    this.#say(name, fields);
  }

  #after(ms) {
    return ms === undefined ? undefined : this.#acceptedAt + Number(ms);
  }

  /** For this package alone: it is to be given up, within `graceMs`. The first reason counts. */
  static cancel(task, reason, graceMs) {
    if (task.#cancelled !== null) return;
    task.#cancelDeadline = graceMs === undefined ? undefined : performance.now() + Number(graceMs);
    task.#cancelled = cancellation(reason);
    task.#controller?.abort(task.#cancelled);
  }

  /** For this package alone: `thrown`, or `Cancelled` if it was thrown because the task was. */
  static becauseOf(task, thrown) {
    const cancelled = task.#cancelled;
    // What Node's own functions throw when their signal is aborted.
    const isAbort = thrown?.name === 'AbortError' || thrown?.cause === cancelled;
    return cancelled !== null && isAbort ? cancelled : thrown;
  }
}

/** The error of a task that was given up because it was asked to. */
export function cancellation(reason) {
  return new Cancelled(`the task was cancelled: ${reason}`, { details: { reason } });
}
