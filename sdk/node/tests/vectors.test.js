/** The golden frames: what the reference encoder writes, this package reads; what it writes, the reference reads. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { NotSendable, ProtocolError } from '../src/errors.js';
import { Encoder } from '../src/wire/encoder.js';
import * as frame from '../src/wire/frame.js';
import * as messages from '../src/wire/messages.js';
import { VECTORS } from './peer.js';

const FILES = readdirSync(VECTORS).filter((name) => /^\d+_.*\.json$/.test(name));
const OPAQUE = ['payload', 'config', 'fields', 'details', 'summary', 'labels', 'headers'];

/** JSON with its integers exact: those of more than 15 digits become BigInt. */
function exact(text) {
  const marked = text.replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,\]}])/g, '$1"big:$2"');
  return JSON.parse(marked, (_, value) => {
    if (typeof value !== 'string' || !value.startsWith('big:')) return value;
    const integer = BigInt(value.slice(4));
    return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
  });
}

const TOLD = FILES.map((name) => exact(readFileSync(path.join(VECTORS, name), 'utf8')));
const REJECTED = exact(readFileSync(path.join(VECTORS, 'rejected.json'), 'utf8'));

function body(hex) {
  const bytes = Buffer.from(hex, 'hex');
  assert.equal(bytes.readUInt32BE(0), bytes.length - 4);
  return bytes.subarray(4);
}

/** The fields that a case is about; an error has a field `kind` of its own, which JSON mode calls `error_kind`. */
function fieldsOf({ json }) {
  const { kind: _, error_kind: kind, ...fields } = json;
  return kind === undefined ? fields : { kind, ...fields };
}

/** Bytes as the text they are in the JSON. */
function readable(value) {
  if (Buffer.isBuffer(value)) return value.toString();
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readable(item)]));
}

function cases(direction) {
  return TOLD.filter((told) => told.direction === direction).flatMap((told) =>
    told.cases.map((each) => ({ ...each, kind: told.kind, name: told.name })),
  );
}

/** Without what a later version added, what was left out, and PHP's way to write an empty map. */
function known(fields) {
  const { from_a_later_version: _, ...rest } = fields;
  const said = Object.entries(rest).filter(([key, value]) => value !== null || key === 'payload');
  const mended = said.map(([key, value]) => [key, OPAQUE.includes(key) && Array.isArray(value) && value.length === 0 ? {} : value]);
  return Object.fromEntries(mended);
}

for (const each of cases('to_child')) {
  test(`${each.name}, ${each.about}: is read however it was written`, () => {
    for (const hex of [each.frame, ...each.also]) {
      const { kind, fields } = frame.decode(body(hex));
      const message = messages.read(kind, fields);
      assert.equal(message.name, each.name);
      if (each.json !== null) assert.deepEqual(readable(message.fields), fieldsOf(each), hex);
    }
  });

  test(`${each.name}, ${each.about}: is the same bytes again`, () => {
    const { kind, fields } = frame.decode(body(each.frame));
    const encoder = new Encoder();
    encoder.value([kind, fields], 0);
    assert.equal(encoder.release().toString('hex'), each.frame.slice(8));
  });
}

for (const each of cases('to_supervisor')) {
  test(`${each.name}, ${each.about}: is written as the reference writes it`, () => {
    const fields = each.json === null ? frame.decode(body(each.frame)).fields : fieldsOf(each);
    if (each.binary) fields.data = Buffer.from(fields.data);
    const encoder = new Encoder();
    frame.append(encoder, each.name, fields, frame.MAX_FRAME_CEILING);
    assert.equal(encoder.release().toString('hex'), each.frame);
  });

  test(`${each.name}, ${each.about}: is decoded however it was written`, () => {
    for (const hex of [each.frame, ...each.also]) {
      const { kind, fields } = frame.decode(body(hex));
      assert.equal(kind, each.kind);
      if (each.json !== null) assert.deepEqual(readable(known(fields)), fieldsOf(each), hex);
    }
  });
}

test('every message of the protocol has its vectors', () => {
  const shapes = [...messages.TO_CHILD, ...messages.TO_SUPERVISOR];
  assert.deepEqual(
    new Set(TOLD.map(({ kind, name, direction }) => `${kind} ${name} ${direction}`)),
    new Set(shapes.map(({ kind, name }) => `${kind} ${name} ${kind >= 32 && kind < 64 ? 'to_child' : 'to_supervisor'}`)),
  );
});

test('what is no frame there is none here', () => {
  // They are frames of a child: for a child it is the form that must be refused, the direction is wrong anyway.
  const forms = new Set([
    ...['empty_frame', 'not_a_message', 'truncated', 'trailing_bytes', 'reserved_byte', 'too_deep', 'bad_kind'],
    ...['fields_not_a_map', 'duplicate_field'],
  ]);
  const seen = new Set();
  for (const { code, about, frame: hex } of REJECTED) {
    if (!forms.has(code)) continue;
    seen.add(code);
    const feed = () =>
      new frame.Splitter().feed(Buffer.from(hex, 'hex'), () => frame.MAX_FRAME_CEILING, frame.decode);
    assert.throws(feed, ProtocolError, about);
  }
  assert.deepEqual(seen, forms);
});

test('what the supervisor would reject is not written', () => {
  const codes = ['invalid_field', 'missing_field', 'field_too_large', 'supervisor_only_kind'];
  const names = new Map(messages.TO_SUPERVISOR.map(({ kind, name }) => [kind, name]));
  let seen = 0;
  for (const { code, about, frame: hex } of REJECTED) {
    if (!codes.includes(code) || about === 'a key that is no string') continue;
    seen++;
    const { kind, fields } = frame.decode(body(hex));
    const write = () => frame.append(new Encoder(), names.get(kind), fields, frame.MAX_FRAME_CEILING);
    assert.throws(write, NotSendable, about);
  }
  assert.ok(seen > 20);
});
