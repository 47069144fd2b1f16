/** Without a supervisor: what would have been said, in lines for people on standard error. */

import { writeSync } from 'node:fs';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
/** Said to machines only. */
const SILENT = new Set(['hello', 'accepted', 'chunk', 'result', 'heartbeat', 'checkpoint']);
const STANDARD_ERROR = 2;

/** Prints one message. */
export function show(name, fields) {
  if (!SILENT.has(name)) complain(sentence(name, fields));
}

/** Prints a line that is for people whether there is a supervisor or not. Never fails: nobody dies of a lost terminal. */
export function complain(text) {
  try {
    writeSync(STANDARD_ERROR, `hearken: ${text}\n`);
  } catch {
    // Closed, or full and not blocking. There is no other place to say it.
  }
}

/** One message as a line of text. */
export function sentence(name, fields) {
  const { handle: _, ...said } = Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
  switch (name) {
    case 'progress': {
      const done = said.total === undefined ? said.done : `${said.done ?? '?'}/${said.total}`;
      return line(['progress', done, said.unit, said.stage, said.message].filter((word) => word !== undefined).join(' '));
    }
    case 'log':
      return line(`${LEVELS[said.level]}: ${said.message}${pairs(said.fields ?? {})}`);
    case 'error': {
      const { kind, code, message, trace, causes, ...rest } = said;
      return line(`error ${kind} (${code}): ${message}${pairs(rest)}`) + (trace === undefined ? '' : `\n${trace.trimEnd()}`);
    }
    case 'status':
      return line(`status: ${said.text}`);
    default:
      return line(name + pairs(said));
  }
}

function pairs(values) {
  return Object.entries(values).map(([key, value]) => ` ${key}=${word(value)}`).join('');
}

function word(value) {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item));
}

function line(text) {
  return text.split(/\r\n|[\n\r\u0085\u2028\u2029]/).join(' ').trimEnd();
}
