/** `run`: a main function as a supervised process, whose ending says what it was. */

import * as console from './console.js';
import { describe, exitCodeOf } from './ending.js';
import { LineError, LineLost, NotSendable, ProtocolError, Rejected } from './errors.js';
import { connect } from './worker.js';

/** Milliseconds for what the supervisor said before it went, a `reject` perhaps, to be read. */
const LAST_LOOK = 1000;

/**
 * Connects, calls `main(worker)`, tells how it ended, and exits.
 *
 * A return is `exiting{done}` and exit 0; a `Failure` is an `error` and its exit code; any other error is an `error` of
 * kind `bug` with its trace, and exit 70. `process.exit()` inside `main` keeps its code and is not told.
 *
 * @param {(worker: import('./worker.js').Worker) => unknown} main
 * @param {{ build?: string }} [options]
 * @returns {Promise<never>}
 */
export function run(main, options) {
  return end(() => connect(options), async (worker) => void (await main(worker)));
}

/**
 * The frame around a program: `make` the worker, let it `live`, tell the ending, exit. A `live` that gives an exit code
 * has told its ending.
 */
export async function end(make, live) {
  let worker;
  try {
    worker = make();
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    console.complain(error.message);
    process.exit(error.constructor.exitCode);
  }
  process.exit(await outcome(worker, live));
}

async function outcome(worker, live) {
  const ending = await Promise.race([lived(worker, live), uncaught(), broken(worker)]);
  const code = await conclude(worker, ending);
  await worker.leave();
  return code;
}

/** How it ended: `{ code }` if that is told already, `{ error }`, or `{}` for a return. */
async function lived(worker, live) {
  try {
    return { code: await live(worker) };
  } catch (error) {
    return { error };
  }
}

/** What no `await` of the program sees: it would end the process without a word on the line. */
function uncaught() {
  return new Promise((resolve) => {
    if (process.listenerCount('uncaughtException') === 0) process.on('uncaughtException', (error) => resolve({ error }));
  });
}

/** A line that cannot be trusted ends the program whatever it is doing; one that has merely ended is a drain. */
async function broken(worker) {
  const error = await worker.ended;
  return error instanceof LineLost ? new Promise(() => {}) : { error };
}

/** Tells the ending, and gives the exit code. */
async function conclude(worker, { code, ...ending }) {
  if (code !== undefined) return code;
  if (!('error' in ending)) {
    farewell(worker);
    return 0;
  }
  const error = ending.error instanceof LineLost ? await lastLook(worker, ending.error) : ending.error;
  if (error instanceof LineLost || error instanceof Rejected || error instanceof ProtocolError) {
    // Not a mistake of the program: one line, no trace.
    console.complain(error.message);
    return error.constructor.exitCode;
  }
  tell(worker, error);
  return exitCodeOf(error);
}

/** Thrown where the write failed; what came before the end of the line says more. */
function lastLook(worker, error) {
  const late = new Promise((resolve) => setTimeout(resolve, LAST_LOOK, error));
  return Promise.race([worker.ended, late]);
}

function farewell(worker) {
  try {
    worker.exiting('done');
  } catch (error) {
    // `main` has said it already, or nobody is left to hear it; the work is done all the same.
    if (!(error instanceof NotSendable || error instanceof LineLost)) throw error;
  }
}

function tell(worker, error) {
  try {
    worker.error(error);
  } catch (unheard) {
    if (!(unheard instanceof LineError)) throw unheard;
    console.complain(unheard.message);
    console.show('error', describe(error));
  }
}
