/** The child's side of the line to hearken, the process supervisor that listens. All times are milliseconds. */

/// <reference types="node" />

/** The version of this package. */
export const VERSION: string;

/** What the program says about itself. */
export interface ConnectOptions {
  /** The version of your program. */
  build?: string;
}

/** The worker of this process; a second call returns the same one. Throws `BrokenDescriptor`. */
export function connect(options?: ConnectOptions): Worker;

/** Connects, calls `main(worker)`, tells how it ended, and exits. */
export function run(main: (worker: Worker) => unknown, options?: ConnectOptions): Promise<never>;

/** Does a task: returns its result (any value, bytes or a `Result`), throws a `Failure`, a `Snooze` or anything else. */
export type Handler = (task: Task) => unknown;

export interface TaskOptions extends ConnectOptions {
  /** How many tasks it does at once, 1 to 65535; 1 if left out. */
  credits?: number;
}

/** Connects, says what it takes, does tasks until it is drained, and exits. One handler for all types, or one for each. */
export function runTasks(handlers: Handler | Record<string, Handler>, options?: TaskOptions): Promise<never>;

export type LevelName = 'trace' | 'debug' | 'info' | 'warn' | 'warning' | 'error' | 'fatal' | 'critical';

export interface ProgressText {
  /** What is counted: `rows`, `bytes`. */
  unit?: string;
  /** The step it is at. */
  stage?: string;
  /** One line for people, cut at 8 KiB. */
  message?: unknown;
}

export interface MetricOptions {
  /** A counter (if left out) is added up, of a gauge the last value counts, a histogram's are observations. */
  type?: 'counter' | 'gauge' | 'histogram';
  labels?: Record<string, unknown>;
}

/** What the worker says for the process and a task for itself. Throws `LineLost`, `NotSendable`, `FrameTooLarge`. */
export interface Speech {
  /** How far the work is. */
  progress(done?: number | bigint | null, total?: number | bigint | null, more?: ProgressText): void;
  /** A structured log line. Fields that cannot be sent become text. */
  log(level: LevelName | 0 | 1 | 2 | 3 | 4 | 5, message: unknown, fields?: object | null, target?: string): void;
  /** A finite number to keep count of; the name is dotted. */
  metric(name: string, value: number, more?: MetricOptions): void;
  /** Something happened that other programs may want to know; the name is dotted. */
  event(name: string, fields?: object): void;
}

/** Finish what is in hand, then return. */
export interface Drain {
  readonly reason: string;
  /** What is left before the kill, if that was said. */
  readonly graceMs?: number;
}

/** Who this process is to the supervisor. */
export interface Welcome {
  readonly unit: string;
  readonly instance: number;
  readonly incarnation: number;
  /** The longest body of a frame, in bytes. */
  readonly maxFrame: number;
  readonly heartbeatMs?: number;
  /** What the config hands to the child. */
  readonly config: Record<string, unknown>;
}

/** What should happen after the exit. */
export type Intent = 'done' | 'retry' | 'restart_now' | 'stay_down';

/** This process as its supervisor knows it. Made by `connect`, `run` and `runTasks`. */
export class Worker implements Speech {
  private constructor();
  /** Whether there is a supervisor to speak to. */
  readonly supervised: boolean;
  /** Whether to finish what is in hand and return: asked to, told by SIGTERM, or the supervisor is gone. */
  readonly draining: boolean;
  /** Why and how fast, once draining. */
  readonly drain: Drain | null;
  /** Aborted at the drain. */
  readonly signal: AbortSignal;
  /** Calls back once when the drain begins; at once if it has begun. */
  onDrain(callback: (drain: Drain) => unknown): this;
  /** Who this process is to the supervisor; null without one. Waits for the first answer, 5000 ms if left out. */
  welcome(timeoutMs?: number): Promise<Welcome | null>;
  /** Waits so many milliseconds, or for ever, but ends early on a drain. Resolves with `draining`. */
  wait(ms?: number): Promise<boolean>;
  /** The program is up. `credits`: how many tasks it takes at once. */
  ready(credits?: number): void;
  /** One line for people, cut at 8 KiB. */
  status(text: unknown): void;
  progress(done?: number | bigint | null, total?: number | bigint | null, more?: ProgressText): void;
  log(level: LevelName | 0 | 1 | 2 | 3 | 4 | 5, message: unknown, fields?: object | null, target?: string): void;
  metric(name: string, value: number, more?: MetricOptions): void;
  event(name: string, fields?: object): void;
  /** Tells an error without ending. */
  error(thrown: unknown): void;
  /** Says that this process is alive; `memory` in bytes. */
  heartbeat(memory?: number): void;
  /** Asks to be replaced once what is in hand is done. */
  askToBeReplaced(reason: unknown): void;
  /** The last word before an exit. Only log, status, heartbeat, metric and event may follow. */
  exiting(intent?: Intent, reason?: unknown): void;
  /** Sends at once what was said in this turn of the event loop. */
  flush(): void;
  /** Leaves the line, when what was said has gone out. */
  close(): Promise<void>;
}

/** Why a task is cancelled. */
export type CancelReason = 'timeout' | 'operator' | 'batch' | 'lease_lost' | 'shutdown';

/** How the last attempt ended. */
export interface LastError {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** What there is to do, and the means to speak about it. */
export class Task implements Speech {
  private constructor();
  /** What it is called everywhere, the same in all attempts. */
  readonly id: string;
  /** What to do with the payload, if the submitter said so. */
  readonly type: string | undefined;
  /** The work itself. */
  readonly payload: any;
  /** A media type for `payload`. */
  readonly contentType: string | undefined;
  /** The how-manieth attempt this is, from 1. */
  readonly attempt: number;
  /** How many earlier attempts ended in a crash. */
  readonly crashes: number;
  /** The idempotency key: the submitter's or else the id. The same in all attempts. */
  readonly key: string;
  /** Whatever the submitter attached. */
  readonly headers: Record<string, unknown>;
  /** The W3C trace context. */
  readonly traceparent: string | undefined;
  readonly batch: string | undefined;
  /** The bytes of the latest `checkpoint()` of an earlier attempt. */
  readonly lastCheckpoint: Buffer | undefined;
  readonly lastError: LastError | undefined;
  /** When the supervisor will cancel it, by `performance.now()`. */
  readonly softDeadline: number | undefined;
  /** When this process is killed over it, by `performance.now()`. */
  readonly deadline: number | undefined;
  /** Milliseconds up to `deadline`. */
  readonly timeLeftMs: number | undefined;
  /** Aborted when the task is cancelled, with a `Cancelled` for its reason. */
  readonly signal: AbortSignal;
  readonly cancelled: boolean;
  readonly cancelReason: CancelReason | undefined;
  /** The worker that does it. */
  readonly worker: Worker;
  /** Throws `Cancelled` if it is cancelled. */
  throwIfCancelled(): void;
  /** Keeps bytes, 64 KiB at most, for the next attempt. */
  checkpoint(data: string | ArrayBuffer | NodeJS.ArrayBufferView): void;
  progress(done?: number | bigint | null, total?: number | bigint | null, more?: ProgressText): void;
  log(level: LevelName | 0 | 1 | 2 | 3 | 4 | 5, message: unknown, fields?: object | null, target?: string): void;
  metric(name: string, value: number, more?: MetricOptions): void;
  event(name: string, fields?: object): void;
}

/** A result with more to it than the value. */
export class Result {
  constructor(data: unknown, options?: { contentType?: string; summary?: object });
  readonly data: unknown;
  readonly contentType: string | undefined;
  readonly summary: object | undefined;
}

/** Thrown or returned by a handler: not now. Uses up no attempt. */
export class Snooze extends Error {
  static exitCode: number;
  constructor(afterMs: number, reason?: string);
  readonly afterMs: number;
}

/** A value of a MessagePack extension type, passed on. */
export class Extension {
  constructor(type: number, data: Uint8Array);
  readonly type: number;
  readonly data: Uint8Array;
}

export type Kind =
  | 'transient'
  | 'timeout'
  | 'rate_limited'
  | 'unavailable'
  | 'conflict'
  | 'resource'
  | 'invalid'
  | 'not_found'
  | 'denied'
  | 'config'
  | 'bug'
  | 'cancelled';

export type Scope = 'task' | 'worker' | 'dependency' | 'service';

export interface FailureOptions {
  /** Which failure exactly, dotted; what the rules of the config match. */
  code?: string;
  /** Another try is not worth it before. */
  afterMs?: number;
  /** Whether another try is worth it, whatever the kind says. */
  retryable?: boolean;
  /** How far it reaches. */
  scope?: Scope;
  /** What failed underneath. */
  dependency?: string;
  details?: object;
  cause?: unknown;
}

/** How work fails: throw one of its subclasses, or a subclass of your own. */
export class Failure extends Error {
  static kind: Kind;
  static exitCode: number;
  static says: string;
  static code: string | undefined;
  static retryable: boolean | undefined;
  static scope: Scope | undefined;
  constructor(message?: string, options?: FailureOptions);
  readonly code: string | undefined;
  readonly afterMs: number | undefined;
  readonly retryable: boolean | undefined;
  readonly scope: Scope | undefined;
  readonly dependency: string | undefined;
  readonly details: object | undefined;
}

/** It failed this time; the same again may work. */
export class Transient extends Failure {}
export { Transient as Retryable };
/** Something took too long. */
export class Timeout extends Failure {}
/** A service asks us to slow down: not before `afterMs`. Costs no attempt. */
export class RateLimited extends Failure {}
/** Something this program needs cannot be reached; name it in `dependency`. */
export class Unavailable extends Failure {}
/** Somebody else was faster (a lock, a version). */
export class Conflict extends Failure {}
/** This process ran out of something; another one may do better. */
export class Resource extends Failure {}
/** This process is of no use any more. The task goes to another worker, and this one is replaced. */
export class WorkerBroken extends Resource {}
/** The input is wrong and stays wrong. Never retried. */
export class Invalid extends Failure {}
/** What the work is about does not exist. Never retried. */
export class NotFound extends Failure {}
/** The work is not permitted. Never retried. */
export class Denied extends Failure {}
/** No further try helps until a person acts: a service stays down, and of a task only that task is given up. */
export class Fatal extends Failure {}
/** A mistake in the program. */
export class Bug extends Failure {}
/** The work was given up because it was asked to. */
export class Cancelled extends Failure {}

/** Something is wrong with the line to the supervisor. */
export class LineError extends Error {
  static exitCode: number;
}
/** `HEARKEN_FD` is set, but what it names cannot be the line. */
export class BrokenDescriptor extends LineError {}
/** The supervisor closed the line, or is gone. */
export class LineLost extends LineError {}
/** The supervisor answered `hello` with `reject`. */
export class Rejected extends LineError {
  readonly code: string;
}
/** The supervisor sent something this package does not understand. */
export class ProtocolError extends LineError {}
/** What was to be said does not fit one frame. Nothing was sent. */
export class FrameTooLarge extends LineError {}
/** A value has no MessagePack form, or a field is wrong. Nothing was sent. */
export class NotSendable extends LineError {}
