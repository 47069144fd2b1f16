/**
 * How work fails, as errors: throw one and the supervisor knows what to do next.
 *
 * Every class is one `kind` of the protocol and the exit code a plain program would end with. `kind` decides what
 * happens (retry, wait, give up); `code` is yours, dotted, for rules in the config:
 * `new Transient('…', { code: 'db.deadlock' })`. What every error of a subclass shares may stand in the class:
 * `class Deadlock extends Transient { static code = 'db.deadlock'; }`.
 */

/** The base of all failures. */
export class Failure extends Error {
  static kind = 'bug';
  static exitCode = 70;
  /** What is said when you give no message. */
  static says = 'the program failed';
  /** Which failure exactly, dotted. Without one: the kind, or the name of your subclass. */
  static code = undefined;
  /** Whether another try is worth it, whatever the kind says. */
  static retryable = undefined;
  /** How far it reaches: task, worker, dependency or service. */
  static scope = undefined;

  /**
   * @param {string} [message]
   * @param {{ code?: string, afterMs?: number, retryable?: boolean, scope?: string, dependency?: string,
   *   details?: object, cause?: unknown }} [options] `afterMs`: another try is not worth it before, in milliseconds
   */
  constructor(message = '', { code, afterMs, retryable, scope, dependency, details, ...options } = {}) {
    super(message || new.target.says, options);
    this.name = new.target.name;
    this.code = code ?? new.target.code;
    this.afterMs = afterMs;
    this.retryable = retryable ?? new.target.retryable;
    this.scope = scope ?? new.target.scope;
    this.dependency = dependency;
    this.details = details;
  }
}

/** It failed this time; the same again may work. */
export class Transient extends Failure {
  static kind = 'transient';
  static exitCode = 75;
  static says = 'failed for now';
}

export { Transient as Retryable };

/** Something took too long. */
export class Timeout extends Failure {
  static kind = 'timeout';
  static exitCode = 75;
  static says = 'took too long';
}

/** A service asks us to slow down: not before `afterMs`. Costs no attempt. */
export class RateLimited extends Failure {
  static kind = 'rate_limited';
  static exitCode = 75;
  static says = 'rate limited';
}

/** Something this program needs cannot be reached; name it in `dependency`. */
export class Unavailable extends Failure {
  static kind = 'unavailable';
  static exitCode = 69;
  static says = 'a dependency is unavailable';
}

/** Somebody else was faster (a lock, a version). */
export class Conflict extends Failure {
  static kind = 'conflict';
  static exitCode = 75;
  static says = 'in conflict with another change';
}

/** This process ran out of something (memory, disk, descriptors); another one may do better. */
export class Resource extends Failure {
  static kind = 'resource';
  static exitCode = 71;
  static says = 'out of a resource';
}

/** This process is of no use any more. The task goes to another worker, and this one is replaced. */
export class WorkerBroken extends Resource {
  static says = 'this worker is broken';
  static code = 'worker.broken';
  static scope = 'worker';
}

/** The input is wrong and stays wrong. Never retried. */
export class Invalid extends Failure {
  static kind = 'invalid';
  static exitCode = 65;
  static says = 'invalid input';
}

/** What the work is about does not exist. Never retried. */
export class NotFound extends Failure {
  static kind = 'not_found';
  static exitCode = 66;
  static says = 'not found';
}

/** The work is not permitted. Never retried. */
export class Denied extends Failure {
  static kind = 'denied';
  static exitCode = 77;
  static says = 'not permitted';
}

/**
 * No further try helps until a person acts. Of a service: it is set up wrongly, and stays down. Of a task: that task is
 * given up (`invalid`, not retryable), and neither its worker nor the pool is touched.
 */
export class Fatal extends Failure {
  static kind = 'config';
  static exitCode = 78;
  static says = 'it cannot work until somebody acts';
}

/** A mistake in the program. Every error that is not a `Failure` is told as this. */
export class Bug extends Failure {
  static kind = 'bug';
  static exitCode = 70;
  static says = 'a bug';
}

/** The work was given up because it was asked to. */
export class Cancelled extends Failure {
  static kind = 'cancelled';
  static exitCode = 75;
  static says = 'cancelled';
}

/** The classes of this package, which say no more than their kind; a class of the program names itself. */
export const OURS = new Set([
  ...[Failure, Transient, Timeout, RateLimited, Unavailable, Conflict, Resource, WorkerBroken],
  ...[Invalid, NotFound, Denied, Fatal, Bug, Cancelled],
]);
