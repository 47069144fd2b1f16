/** Without a supervisor: one task, from the first argument or standard input, and its result on standard output. */

import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';

import * as console from '../console.js';
import { delayMs, describe, exitCodeOf } from '../ending.js';
import { Result, Snooze, bytesOf } from './outcome.js';
import { Task } from './task.js';

/** As a plain program: it could not write (sysexits). */
const EXIT_IO = 74;

/**
 * Does it and gives the exit code. What it says goes to standard error. hearken's exec mode, where every task is a
 * process, tells the id, attempt, type and key in the environment.
 */
export async function runOne(handlers, worker) {
  const task = new Task(await fieldsOf(process.argv[2], process.env), (name, fields) => console.show(name, fields), worker);
  // The only way there is to cancel it.
  worker.onDrain(() => Task.cancel(task, 'shutdown'));
  try {
    const returned = await handlers.of(task.type)(task);
    if (returned instanceof Snooze) throw returned;
    return await print(returned instanceof Result ? returned : new Result(returned));
  } catch (thrown) {
    return fail(Task.becauseOf(task, thrown));
  }
}

async function fieldsOf(argument, environment) {
  const attempt = Number(environment.HEARKEN_TASK_ATTEMPT);
  return {
    id: environment.HEARKEN_TASK_ID || randomUUID(),
    type: environment.HEARKEN_TASK_TYPE || undefined,
    key: environment.HEARKEN_TASK_KEY || undefined,
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : 1,
    crashes: 0,
    payload: payloadOf(argument ?? (await text(process.stdin))),
  };
}

function payloadOf(given) {
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

async function print({ data, summary }) {
  if (summary != null) console.show('summary', summary);
  const bytes = bytesOf(data) ?? `${JSON.stringify(data ?? null, printable)}\n`;
  const error = await new Promise((resolve) => {
    process.stdout.once('error', resolve);
    process.stdout.write(bytes, resolve);
  });
  if (!error) return 0;
  console.complain(`the result could not be written to standard output: ${error.message}`);
  return EXIT_IO;
}

/** What JSON has no form for, as near as it comes. */
function printable(key, value) {
  // A Buffer has been turned into this already.
  const held = this[key];
  if (bytesOf(held) !== undefined) return Buffer.from(bytesOf(held)).toString();
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  return value instanceof Set ? [...value] : value;
}

function fail(thrown) {
  if (thrown instanceof Snooze) {
    console.show('snooze', { delay_ms: delayMs(thrown.afterMs) ?? 0, reason: thrown.message });
    return Snooze.exitCode;
  }
  console.show('error', describe(thrown, true));
  return exitCodeOf(thrown, true);
}
