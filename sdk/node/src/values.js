/** Values on their way out: texts cut to their limit, free-form values made sendable. */

import { Extension } from './wire/extension.js';

/** In bytes of UTF-8. */
export const MESSAGE_LIMIT = 8 * 1024;
export const TRACE_LIMIT = 32 * 1024;
/** Ends a text that was cut; it counts towards the limit. */
export const MARK = '…[cut]';

/** Fields of a log may nest; the frame around them uses three of the 32 levels. */
const PLAIN_DEPTH = 24;
/** The longest delay a timer of Node takes, in milliseconds; beyond it fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** `value` as text of at most `limit` bytes of UTF-8, cut between characters. */
export function cut(value, limit = MESSAGE_LIMIT) {
  const text = typeof value === 'string' ? value : shown(value);
  if (text.length * 3 <= limit || Buffer.byteLength(text) <= limit) return text;
  // Shortened first: a text of megabytes is not encoded only to be thrown away.
  const bytes = Buffer.from(text.slice(0, limit));
  let end = limit - Buffer.byteLength(MARK);
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end) + MARK;
}

/**
 * `value` as MessagePack and JSON can both say it; what they cannot say becomes text.
 *
 * For log fields and details, where losing a line because of a function in it would be worse than its text.
 */
export function plain(value, depth = 0) {
  switch (typeof value) {
    case 'undefined': return null;
    case 'boolean': return value;
    case 'string': return cut(value);
    case 'number': return Number.isFinite(value) ? value : String(value);
    case 'bigint': return BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value ? value : String(value);
    case 'object': return value === null ? null : plainObject(value, depth);
    default: return shown(value);
  }
}

function plainObject(value, depth) {
  if (value instanceof Error) return cut(value);
  if (value instanceof Uint8Array) return cut(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
  if (value instanceof Extension || depth >= PLAIN_DEPTH) return shown(value);
  if (typeof value.toJSON === 'function') return plain(shownAsJson(value), depth + 1);
  if (Array.isArray(value) || value instanceof Set) return Array.from(value, (item) => plain(item, depth + 1));
  return plainMap(value, depth);
}

/** A map of `value`, itself a map, a Map or a class of the program. */
export function plainMap(value, depth = 0) {
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const said = entries.filter(([, item]) => item !== undefined);
  // Defines each key rather than assign it: `__proto__` is a key like any other.
  return Object.fromEntries(said.map(([key, item]) => [cut(key), plain(item, depth + 1)]));
}

function shownAsJson(value) {
  try {
    return value.toJSON('');
  } catch {
    return shown(value); // an invalid Date says so in its text only
  }
}

/** Any value as text. Never fails. */
export function shown(value) {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Milliseconds as a timer of Node takes them. */
export function timerMs(ms) {
  return Math.max(0, Math.min(Number(ms), LONGEST_TIMER));
}
