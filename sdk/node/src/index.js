/**
 * The child's side of the line to hearken, the process supervisor that listens.
 *
 *     import { run } from 'hearken-worker';
 *
 *     run(async (worker) => {
 *       worker.ready();
 *       while (!(await worker.wait(5000))) worker.status('still here');
 *     });
 *
 * Without a supervisor the same program runs on its own and prints what it would have said on standard error.
 */

export { BrokenDescriptor, FrameTooLarge, LineError, LineLost, NotSendable, ProtocolError, Rejected } from './errors.js';
export {
  Bug,
  Cancelled,
  Conflict,
  Denied,
  Failure,
  Fatal,
  Invalid,
  NotFound,
  RateLimited,
  Resource,
  Retryable,
  Timeout,
  Transient,
  Unavailable,
  WorkerBroken,
} from './failures.js';
export { run } from './runner.js';
export { Result, Snooze } from './tasks/outcome.js';
export { runTasks } from './tasks/run.js';
export { Task } from './tasks/task.js';
export { VERSION } from './version.js';
export { Extension } from './wire/extension.js';
export { Worker, connect } from './worker.js';
