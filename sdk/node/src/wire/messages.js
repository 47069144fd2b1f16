/**
 * The messages of protocol 1: their numbers, names and fields, both ways, in one table each.
 *
 * Both ways are checked. What comes in, because it comes from another process; what goes out, because one wrong field
 * ends the line and with it this process: better an exception where the mistake was made.
 */

import { NotSendable, ProtocolError } from '../errors.js';
import { Encoder } from './encoder.js';
import * as field from './fields.js';

/** The lowest and the highest version this package speaks. */
export const PROTOCOL = [1, 1];

/** The kinds of error a child may tell; the others are the supervisor's alone. */
export const ERROR_KINDS = [
  ...['transient', 'timeout', 'rate_limited', 'unavailable', 'conflict', 'resource'],
  ...['invalid', 'not_found', 'denied', 'config', 'bug', 'cancelled'],
];
export const SCOPES = ['task', 'worker', 'dependency', 'service'];
export const INTENTS = ['done', 'retry', 'restart_now', 'stay_down'];

/** The longest piece of a result and the longest checkpoint, in bytes. */
export const MAX_CHUNK = 256 * 1024;
export const MAX_CHECKPOINT = 64 * 1024;

const FIRST_ANCILLARY = 64;

/** A message: its number and name, and its fields in the order the reference encoder writes them. */
function shape(kind, name, required, fields) {
  const must = required.split(' ');
  const described = Object.entries(fields).map(([key, read]) => {
    const encoder = new Encoder();
    encoder.text(key);
    return { key, head: encoder.release(), read, required: must.includes(key) };
  });
  return { kind, name, fields: described };
}

const { u16, u32, u64, i64, text, data, mapping, anything, boolean, number, level, listOf, oneOf, dataUpTo } = field;

/** What a child says. */
export const TO_SUPERVISOR = [
  shape(1, 'hello', 'protocol sdk language pid', {
    protocol: field.protocol,
    sdk: text,
    language: text,
    pid: u32,
    build: text,
    task_types: listOf(text),
  }),
  shape(2, 'ready', '', { credits: u16 }),
  shape(3, 'accepted', 'handle', { handle: u32 }),
  shape(4, 'progress', '', { handle: u32, done: u64, total: u64, unit: text, stage: text, message: text }),
  shape(5, 'log', 'level message', { handle: u32, level, message: text, target: text, fields: mapping, time: i64 }),
  shape(6, 'chunk', 'handle sequence data last', { handle: u32, sequence: u32, data: dataUpTo(MAX_CHUNK), last: boolean }),
  shape(7, 'result', 'handle', { handle: u32, data: anything, content_type: text, chunks: u32, summary: mapping }),
  shape(8, 'error', 'kind code message', {
    handle: u32,
    kind: oneOf(...ERROR_KINDS),
    code: text,
    message: text,
    retryable: boolean,
    retry_after_ms: u64,
    scope: oneOf(...SCOPES),
    dependency: text,
    details: mapping,
    causes: listOf(field.cause, 0, 8),
    trace: text,
  }),
  shape(9, 'heartbeat', 'sequence', { sequence: u64, busy: listOf(u32), memory: u64 }),
  shape(10, 'checkpoint', 'handle sequence data', { handle: u32, sequence: u32, data: dataUpTo(MAX_CHECKPOINT) }),
  shape(11, 'snooze', 'handle delay_ms reason', { handle: u32, delay_ms: u64, reason: text }),
  shape(12, 'draining', 'reason', { reason: text }),
  shape(13, 'exiting', 'intent', { intent: oneOf(...INTENTS), reason: text }),
  shape(14, 'status', 'text', { text }),
  shape(64, 'metric', 'name type value', { name: text, type: oneOf('c', 'g', 'h'), value: number, labels: mapping }),
  shape(65, 'event', 'name fields', { handle: u32, name: text, fields: mapping }),
];

/** What the supervisor says. */
export const TO_CHILD = [
  shape(32, 'welcome', 'protocol unit instance incarnation max_frame', {
    protocol: u16,
    unit: text,
    instance: u32,
    incarnation: u32,
    max_frame: u32,
    heartbeat_ms: u32,
    config: mapping,
  }),
  shape(33, 'reject', 'code message', { code: text, message: text }),
  shape(34, 'task', 'handle id attempt crashes payload', {
    handle: u32,
    id: text,
    type: text,
    attempt: u32,
    crashes: u32,
    payload: anything,
    content_type: text,
    soft_ms: u64,
    hard_ms: u64,
    key: text,
    headers: mapping,
    traceparent: text,
    checkpoint: data,
    last_error: mapping,
    batch: text,
  }),
  shape(35, 'cancel', 'handle reason grace_ms', {
    handle: u32,
    reason: oneOf('timeout', 'operator', 'batch', 'lease_lost', 'shutdown'),
    grace_ms: u64,
  }),
  shape(36, 'drain', 'grace_ms reason', { grace_ms: u64, reason: text }),
  shape(38, 'ping', 'sequence', { sequence: u64 }),
  shape(39, 'ack', 'handle of', { handle: u32, of: field.acked }),
];

const BY_NAME = new Map(TO_SUPERVISOR.map((shape) => [shape.name, shape]));
const BY_KIND = new Map(TO_CHILD.map((shape) => [shape.kind, shape]));
const OURS = new Set(TO_SUPERVISOR.map((shape) => shape.kind));

/** Appends `[kind, fields]`. Fields that are undefined or null are left out; `NotSendable` for a wrong or missing one. */
export function write(encoder, name, fields) {
  const { kind, fields: known } = BY_NAME.get(name);
  encoder.byte(0x92);
  encoder.byte(kind);
  const head = encoder.reserve(1);
  let said = 0;
  for (const { key, head: keyBytes, read, required } of known) {
    let value = fields[key];
    if (value === undefined || (value === null && read !== anything)) {
      if (required) throw new NotSendable(`${name} without the field ${key}`);
      continue;
    }
    value = checked(name, key, read, value, NotSendable);
    encoder.raw(keyBytes);
    if (read === number) encoder.double(value);
    else encoder.value(value, 2);
    said++;
  }
  encoder.bytes[head] = 0x80 | said;
}

/**
 * The message `{ name, fields }` of the supervisor, its fields checked and those that were left out absent; or undefined
 * for an ancillary one of a newer version, which is dropped.
 */
export function read(kind, fields) {
  const shape = BY_KIND.get(kind);
  if (shape === undefined) {
    if (kind >= FIRST_ANCILLARY && !OURS.has(kind)) return undefined;
    throw new ProtocolError(
      `the supervisor sent a message of kind ${kind}, which no child knows in protocol ${PROTOCOL[1]}; ` +
        'install a version of this package made for that version of hearken',
    );
  }
  const values = {};
  for (const { key, read, required } of shape.fields) {
    const value = fields[key];
    if (value === undefined || (value === null && !required)) {
      if (required) throw new ProtocolError(`${shape.name} without the field ${key}`);
      continue;
    }
    values[key] = checked(shape.name, key, read, value, ProtocolError);
  }
  return { name: shape.name, fields: values };
}

function checked(name, key, read, value, LineError) {
  try {
    return read(value);
  } catch (error) {
    throw new LineError(`${name}, field ${key}: ${shown(value)} ${error.message}`, { cause: error });
  }
}

function shown(value) {
  const text = typeof value === 'string' ? JSON.stringify(value) : Object.prototype.toString.call(value);
  return (['number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : text).slice(0, 64);
}
