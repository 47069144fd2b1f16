/** `runTasks`: the whole life of a worker of a pool. */

import * as descriptor from '../descriptor.js';
import { LineLost } from '../errors.js';
import { end } from '../runner.js';
import { timerMs } from '../values.js';
import { Worker } from '../worker.js';
import { Handlers } from './handlers.js';
import { TaskLoop } from './loop.js';
import { runOne } from './one.js';

/** Milliseconds for the last acks where the drain names no grace: that of a stop in hearken's own defaults. */
const ACK_PATIENCE = 10_000;

/**
 * Connects, says what it takes, does tasks until hearken drains it, and exits.
 *
 * What a handler gives, or what its promise resolves to, is the result (see `Result`). What it throws is the error: a
 * `Failure` as what it is, a `Snooze` as "not now", anything else as a bug with its trace. Without a supervisor it does
 * one task, from the first argument or standard input, prints the result as JSON, and ends with the exit code of the
 * error.
 *
 * @param {Function | Record<string, Function>} handlers one for all types of tasks, or one for each; a task without a
 *   type goes to the only one, or to `default`
 * @param {{ credits?: number, build?: string }} [options] `credits`: how many tasks it does at once, 1 to 65535
 * @returns {Promise<never>}
 */
export function runTasks(handlers, { credits = 1, build } = {}) {
  const known = new Handlers(handlers);
  if (!Number.isInteger(credits) || credits < 1 || credits > 0xffff) {
    throw new RangeError(`credits: ${credits} is not an integer from 1 to 65535`);
  }
  let loop = null;
  const make = () => {
    const line = descriptor.open();
    if (line === null) return new Worker(null, { build });
    loop = new TaskLoop(line, known, credits);
    loop.worker = new Worker(line, { build, taskTypes: known.types, tasks: loop });
    return loop.worker;
  };
  return end(make, (worker) => (loop === null ? runOne(known, worker) : serve(worker, loop, credits)));
}

/**
 * Does tasks until the worker is drained or broken, and what it held is answered and acked, or the grace is over. Throws
 * `LineLost` when the supervisor goes away with something unfinished.
 */
export async function serve(worker, loop, credits) {
  worker.ready(credits);
  // A broken worker has nothing to wait for either.
  const drained = new Promise((resolve) => worker.onDrain(resolve));
  await Promise.race([drained, loop.until(() => loop.broken !== null)]);
  if (!worker.toldToDrain && loop.broken === null) announce(worker);
  const failure = await Promise.race([worker.ended, finished(worker, loop), graceOver(worker)]);
  if (failure instanceof Error && (loop.held > 0 || loop.unacked > 0)) {
    loop.abandon('lease_lost');
    throw failure;
  }
  if (failure === undefined) farewell(worker, loop);
}

/** Where the supervisor did not ask for the drain, it has to know that there is one. */
function announce(worker) {
  try {
    worker.askToBeReplaced(worker.drain.reason);
  } catch (error) {
    if (!(error instanceof LineLost)) throw error; // it is the end of the line that drains
  }
}

async function finished(worker, loop) {
  await loop.until(() => loop.held === 0);
  const patience = timerMs(worker.drain?.graceMs ?? ACK_PATIENCE);
  const late = new Promise((resolve) => setTimeout(resolve, patience).unref());
  await Promise.race([loop.until(() => loop.unacked === 0), late]);
}

function graceOver(worker) {
  return new Promise((resolve) => {
    worker.onDrain(({ graceMs }) => {
      if (graceMs !== undefined) setTimeout(resolve, timerMs(graceMs)).unref();
    });
  });
}

function farewell(worker, loop) {
  const left = loop.held > 0 ? `the grace was over with ${loop.held} tasks unfinished` : undefined;
  // Nobody asked for this exit but the worker itself: another process is to take its place.
  if (loop.broken !== null && !worker.toldToDrain) worker.exiting('restart_now', loop.broken);
  else worker.exiting('done', left);
  loop.abandon('shutdown');
}
