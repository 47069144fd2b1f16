/** The codec and the frames against bytes by hand. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { FrameTooLarge, NotSendable, ProtocolError } from '../src/errors.js';
import { Decoder, Malformed } from '../src/wire/decoder.js';
import { Encoder } from '../src/wire/encoder.js';
import { Extension } from '../src/wire/extension.js';
import * as frame from '../src/wire/frame.js';
import * as messages from '../src/wire/messages.js';
import { packed } from './peer.js';

const PING = 38;

function encode(value) {
  const encoder = new Encoder();
  encoder.value(value, 0);
  return Buffer.from(encoder.release());
}

function again(value) {
  const bytes = encode(value);
  const decoder = new Decoder(bytes);
  const read = decoder.value(0);
  assert.equal(decoder.left, 0);
  return read;
}

const latin = (text) => Buffer.from(text, 'latin1');

test('integers take the shortest form, and come back exactly, up to 64 bits', () => {
  for (const [value, hex] of [
    [0, '00'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65535, 'cdffff'],
    [65536, 'ce00010000'],
    [2 ** 32 - 1, 'ceffffffff'],
    [2 ** 32, 'cf0000000100000000'],
    [2 ** 53 - 1, 'cf001fffffffffffff'],
    [2n ** 53n, 'cf0020000000000000'],
    [2n ** 64n - 1n, 'cfffffffffffffffff'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-128, 'd080'],
    [-129, 'd1ff7f'],
    [-32768, 'd18000'],
    [-32769, 'd2ffff7fff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    [-(2 ** 53) + 1, 'd3ffe0000000000001'],
    [-(2n ** 53n), 'd3ffe0000000000000'],
    [-(2n ** 63n), 'd38000000000000000'],
  ]) {
    assert.equal(encode(value).toString('hex'), hex, String(value));
    assert.equal(again(value), value);
  }
  assert.equal(encode(7n).toString('hex'), '07', 'a small BigInt is an integer like any other');
});

test('every kind of value comes back', () => {
  for (const value of [
    null,
    true,
    false,
    1.5,
    -0.1,
    1e300,
    '',
    'ä€😀',
    '\ufeffwith a mark',
    'really \ufffd',
    'x'.repeat(31),
    'x'.repeat(32),
    'ü'.repeat(200),
    'x'.repeat(70_000),
    Buffer.alloc(0),
    Buffer.from([1, 2, 3]),
    Buffer.alloc(300, 7),
    Buffer.alloc(70_000, 7),
    [],
    Array.from({ length: 16 }, (_, index) => index),
    Array.from({ length: 70_000 }, (_, index) => index),
    {},
    Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, [index]])),
    new Map([[1, 'one'], ['two', 2], [null, 3]]),
    new Extension(5, Buffer.from('x')),
    new Extension(-1, Buffer.from('four')),
    new Extension(127, Buffer.from('seven77')),
  ]) {
    assert.deepEqual(again(value), value);
  }
  assert.ok(Number.isNaN(again(NaN)));
});

test('values of the language are said as JSON says them', () => {
  const when = new Date(0);
  assert.deepEqual(again({ when, none: undefined, list: [undefined, new Set([1])], link: new URL('http://a/') }), {
    when: '1970-01-01T00:00:00.000Z',
    list: [null, [1]],
    link: 'http://a/',
  });
  assert.deepEqual(again(new Uint16Array([1])), Buffer.from([1, 0]));
  assert.deepEqual(again(new Uint8Array([7]).buffer), Buffer.from([7]));
  assert.equal(again('a\ud800'), 'a\ufffd', 'half a character');
});

test('what has no form is not written', () => {
  const endless = [];
  endless.push(endless);
  for (const value of [() => {}, Symbol('s'), 2n ** 64n, -(2n ** 63n) - 1n, endless, new Extension(200, Buffer.alloc(1))]) {
    const encoder = new Encoder();
    assert.throws(() => frame.append(encoder, 'result', { handle: 1, data: value }, 1 << 20), NotSendable);
    assert.equal(encoder.length, 0, 'nothing of it is left');
  }
});

test('a map cannot set a prototype', () => {
  const read = new Decoder(latin('\x81\xa9__proto__\x81\xa8polluted\xc3')).value(0);
  assert.deepEqual(Object.keys(read), ['__proto__']);
  assert.equal(read.polluted, undefined);
  assert.deepEqual(encode(read), latin('\x81\xa9__proto__\x81\xa8polluted\xc3'));
});

test('a key twice is refused, whatever the keys are', () => {
  for (const bytes of ['\x82\xa1a\x01\xa1a\x01', '\x82\xabconstructor\x01\xabconstructor\x01', '\x82\x01\x01\x01\x01']) {
    assert.throws(() => new Decoder(latin(bytes)).value(0), Malformed);
  }
  assert.deepEqual(new Decoder(latin('\x81\xabconstructor\x01')).value(0), { constructor: 1 });
});

test('text that is not UTF-8 is kept as its bytes', () => {
  assert.deepEqual(new Decoder(latin('\xa2\xc3\x28')).value(0), latin('\xc3\x28'));
  assert.throws(() => messages.read(33, { code: latin('\xff'), message: '' }), ProtocolError);
});

test('a stream in single bytes gives the same frames', () => {
  const stream = Buffer.concat([packed('ping', { sequence: 1 }), packed('ping', { sequence: 2 })]);
  const splitter = new frame.Splitter();
  const read = [];
  for (const byte of stream) splitter.feed(Buffer.from([byte]), () => 64, (...part) => read.push(frame.decode(...part)));
  assert.deepEqual(read, [1, 2].map((sequence) => ({ kind: PING, fields: { sequence } })));
  assert.equal(splitter.kept, 0);
  splitter.feed(stream.subarray(0, 3), () => 64, () => assert.fail());
  assert.ok(splitter.kept > 0);
});

test('what was read may be written over', () => {
  const stream = packed('ping', { sequence: 1 });
  const first = Buffer.from(stream.subarray(0, 9));
  const splitter = new frame.Splitter();
  splitter.feed(first, () => 64, () => assert.fail());
  first.fill(0);
  splitter.feed(stream.subarray(9), () => 64, (...part) => assert.equal(frame.decode(...part).fields.sequence, 1));
});

test('a length is refused before its bytes have come', () => {
  for (const [length, limit] of [[0, 64], [65, 64], [0xffff_ffff, 1 << 20]]) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    assert.throws(() => new frame.Splitter().feed(head, () => limit, () => assert.fail()), new RegExp(length));
  }
});

test('what is not a frame is refused', () => {
  const deep = '\x91'.repeat(31) + '\x01';
  for (const [about, body] of Object.entries({
    'nothing': '',
    'an array of three': '\x93\x26\x80\x80',
    'a map': '\x80',
    'half a frame': '\x92\x26',
    'bytes after the value': '\x92\x26\x80\xc0',
    'bytes after an empty array': '\x92\x26\x90\x90',
    'the reserved byte': '\x92\x26\xc1',
    'fields that are a list': '\x92\x26\x91\x01',
    'fields that are text': '\x92\x26\xa1a',
    'a key that is no text': '\x92\x26\x81\x01\x01',
    'a kind that is a boolean': '\x92\xc3\x80',
    'a kind above 127': '\x92\xcc\x80\x80',
    'a negative kind': '\x92\xff\x80',
    'a list of 2^32-1': '\x92\x26\x81\xa1a\xdd\xff\xff\xff\xff',
    'a map of 2^32-1': '\x92\x26\xdf\xff\xff\xff\xff',
    'binary of 2^32-1': '\x92\x26\x81\xa1a\xc6\xff\xff\xff\xff',
    'text of 2^32-1': '\x92\x26\x81\xa1a\xdb\xff\xff\xff\xff',
    'an extension of 2^32-1': '\x92\x26\x81\xa1a\xc9\xff\xff\xff\xff',
    'half a number': '\x92\x26\x81\xa1a\xcf\x00',
    'depth 33': `\x92\x26\x81\xa1a${deep}`,
    'depth 100,000': `\x92\x26\x81\xa1a${'\x91'.repeat(100_000)}`,
    'a field twice': '\x92\x26\x82\xa1a\x01\xa1a\x01',
  })) {
    assert.throws(() => frame.decode(latin(body)), ProtocolError, about);
  }
});

test('depth 32 is allowed', () => {
  assert.deepEqual(Object.keys(frame.decode(latin(`\x92\x26\x81\xa1a${'\x91'.repeat(30)}\x01`)).fields), ['a']);
});

test('no bytes do more than fail', () => {
  // Every byte of a good frame put to every value: read or refused, and nothing else.
  const good = packed('welcome', { protocol: 1, unit: 'x', instance: 1, incarnation: 1, max_frame: 65_536, config: { a: [1.5] } });
  let refused = 0;
  for (let at = 4; at < good.length; at++) {
    for (let value = 0; value < 256; value++) {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      try {
        const { kind, fields } = frame.decode(bytes, 4);
        messages.read(kind, fields);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, `${at}: ${value}: ${error.stack}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 1000);
});

test('languages may differ in how they write the same', () => {
  assert.deepEqual(frame.decode(latin('\x92\x26\x90')), { kind: PING, fields: {} }, "PHP's empty map");
  const floats = latin('\x92\xcb\x40\x43\0\0\0\0\0\0\x81\xa8sequence\xcb\x42\x70\0\0\0\0\0\0');
  const { kind, fields } = frame.decode(floats);
  assert.deepEqual(messages.read(kind, fields), { name: 'ping', fields: { sequence: 2 ** 40 } });
  assert.equal(messages.read(PING, { sequence: 2 ** 60 }).fields.sequence, 2n ** 60n, 'a double that large is exact');
  assert.deepEqual(messages.read(32, { protocol: 1, unit: '', instance: 0, incarnation: 0, max_frame: 1, config: [] }).fields.config, {});
});

test('unknown keys are ignored', () => {
  assert.deepEqual(messages.read(PING, { sequence: 1, new: [] }).fields, { sequence: 1 });
});

test('unknown ancillary kinds are dropped and critical ones are not', () => {
  assert.equal(messages.read(127, {}), undefined);
  assert.equal(messages.read(66, {}), undefined);
  for (const kind of [0, 37, 63]) assert.throws(() => messages.read(kind, {}), new RegExp(`kind ${kind}`));
});

test('a message of a child is not taken from the supervisor', () => {
  for (const { kind } of messages.TO_SUPERVISOR) assert.throws(() => messages.read(kind, {}), ProtocolError);
});

test('fields that come in are checked', () => {
  for (const sequence of [undefined, null, -1, 2n ** 64n, 2 ** 64, 1.5, NaN, true, '1', [1], {}]) {
    assert.throws(() => messages.read(PING, { sequence }), ProtocolError, String(sequence));
  }
});

test('fields that go out are checked where they are written', () => {
  for (const [name, fields] of [
    ['progress', { done: -1 }],
    ['progress', { done: 1.5 }],
    ['ready', { credits: 1 << 16 }],
    ['log', { level: 6, message: '' }],
    ['error', { kind: 'crashed', code: 'x', message: 'x' }],
    ['exiting', { intent: 'maybe' }],
    ['metric', { name: 'x', type: 'c', value: Infinity }],
    ['checkpoint', { handle: 1, sequence: 0, data: Buffer.alloc(64 * 1024 + 1) }],
    ['accepted', {}],
  ]) {
    assert.throws(() => frame.append(new Encoder(), name, fields, 1 << 20), (error) => error instanceof NotSendable && error.message.startsWith(name));
  }
});

test('a frame over the limit is refused, and nothing is allocated for it', () => {
  const encoder = new Encoder();
  frame.append(encoder, 'status', { text: 'before' }, 64);
  const { length } = encoder;
  const room = encoder.bytes.length;
  assert.throws(() => frame.append(encoder, 'status', { text: 'x'.repeat(100_000_000) }, 64), FrameTooLarge);
  assert.equal(encoder.length, length);
  assert.equal(encoder.bytes.length, room);
});
