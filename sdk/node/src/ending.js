/** An error as the fields of an `error` message. */

import { Bug, Failure, Fatal, Invalid, OURS } from './failures.js';
import { MESSAGE_LIMIT, TRACE_LIMIT, cut, plain, plainMap, shown } from './values.js';
import { ERROR_KINDS } from './wire/messages.js';

const CAUSES = 8;
/** Eight causes, the message and the trace have to fit the 64 KiB of a frame before `welcome`. */
const CAUSE_LIMIT = 1024;
/** A hundred years, in milliseconds; the supervisor has its own idea of what is too long. */
const LONGEST = 100 * 365 * 86_400_000;

/**
 * The fields of `error`: a `Failure` says what it is, anything else that was thrown is a bug with a trace.
 *
 * @param {boolean} [ofTask] whether it ended a task, and not the program
 */
export function describe(thrown, ofTask = false) {
  const kind = kindOf(thrown, ofTask);
  const fields = { kind, ...told(thrown, kind, MESSAGE_LIMIT), causes: causesOf(thrown) };
  if (thrown instanceof Failure) {
    fields.retryable = ofTask && thrown instanceof Fatal ? false : thrown.retryable;
    fields.retry_after_ms = delayMs(thrown.afterMs);
    fields.scope = thrown.scope;
    fields.dependency = thrown.dependency === undefined ? undefined : cut(thrown.dependency);
    fields.details = detailsOf(thrown.details);
  }
  if (kind === Bug.kind) fields.trace = cut(thrown instanceof Error ? thrown.stack : thrown, TRACE_LIMIT);
  return fields;
}

/** How a process ends because of it (sysexits). */
export function exitCodeOf(thrown, ofTask = false) {
  return failureOf(thrown, ofTask).exitCode;
}

/** A wish for a delay as the protocol carries it: what is below zero or no number is zero. Undefined stays so. */
export function delayMs(ms) {
  if (ms === undefined || ms === null) return undefined;
  return ms > 0 ? Math.round(Math.min(Number(ms), LONGEST)) : 0;
}

function kindOf(thrown, ofTask) {
  const { kind } = failureOf(thrown, ofTask);
  return ERROR_KINDS.includes(kind) ? kind : Bug.kind;
}

/** The class whose kind and exit code count. */
function failureOf(thrown, ofTask) {
  // The task is hopeless; nothing is wrong with the program that found out.
  if (ofTask && thrown instanceof Fatal) return Invalid;
  return thrown instanceof Failure ? thrown.constructor : Bug;
}

function told(thrown, kind, limit) {
  if (!(thrown instanceof Error)) return { code: 'thrown', message: cut(thrown, limit) };
  const name = thrown.constructor?.name || shown(thrown.name) || 'Error';
  const message = cut(thrown.message || thrown.constructor?.says || name, limit);
  if (!(thrown instanceof Failure)) return { code: cut(name, limit), message };
  return { code: cut(thrown.code ?? (OURS.has(thrown.constructor) ? kind : name), limit), message };
}

function causesOf(thrown) {
  const causes = [];
  for (let cause = thrown?.cause; cause !== undefined && causes.length < CAUSES; cause = cause?.cause) {
    causes.push(told(cause, kindOf(cause, false), CAUSE_LIMIT));
  }
  return causes.length > 0 ? causes : undefined;
}

function detailsOf(details) {
  if (details === undefined || details === null) return undefined;
  const isMap = typeof details === 'object' && !Array.isArray(details) && typeof details.toJSON !== 'function';
  return isMap ? plainMap(details) : { details: plain(details) };
}
