/** Texts are cut, free-form values become sendable, errors are described. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { sentence } from '../src/console.js';
import { describe, exitCodeOf } from '../src/ending.js';
import * as failures from '../src/failures.js';
import { MARK, cut, plain, plainMap } from '../src/values.js';
import { VERSION } from '../src/version.js';
import { ERROR_KINDS } from '../src/wire/messages.js';

const { Failure, NotFound, RateLimited, Transient } = failures;

class Deadlock extends Transient {
  static code = 'db.deadlock';
}

class Clumsy extends Transient {}

function said(thrown) {
  return Object.fromEntries(Object.entries(describe(thrown)).filter(([, value]) => value !== undefined));
}

test('text within the limit stays', () => {
  assert.equal(cut('ä'.repeat(4096)), 'ä'.repeat(4096));
});

test('a cut keeps characters whole and counts its mark', () => {
  assert.equal(cut('ä'.repeat(16), 16), 'ääää' + MARK);
  assert.equal(cut('ä'.repeat(16), 17), 'ääää' + MARK);
  assert.equal(cut(cut('x'.repeat(99), 50), 50), cut('x'.repeat(99), 50));
  assert.equal(Buffer.byteLength(cut('a' + '€'.repeat(9999))), 8190);
  assert.equal(cut('😀'.repeat(9999), 20), '😀😀😀' + MARK);
  assert.equal(cut(new TypeError('what people log')), 'TypeError: what people log');
});

test('what cannot be sent becomes text', () => {
  const value = {
    when: new Date(0),
    never: new Date(NaN),
    nan: NaN,
    big: 2n ** 64n,
    fine: 2n ** 63n,
    bytes: Buffer.from([0x61, 0xff]),
    set: new Set([1]),
    map: new Map([[1, 2]]),
    error: new RangeError('r'),
    gone: undefined,
    stranger: Object.create(null),
    symbol: Symbol('s'),
  };
  assert.deepEqual(plain(value), {
    when: '1970-01-01T00:00:00.000Z',
    never: null,
    nan: 'NaN',
    big: '18446744073709551616',
    fine: 2n ** 63n,
    bytes: 'a\ufffd',
    set: [1],
    map: { 1: 2 },
    error: 'RangeError: r',
    stranger: {},
    symbol: 'Symbol(s)',
  });
  assert.match(plain(() => 1), /=>/);
});

test('a value that holds itself ends', () => {
  const endless = {};
  endless.endless = endless;
  assert.match(JSON.stringify(plain(endless)), /\[object Object\]/);
});

test('a key is a key, whatever its name', () => {
  assert.deepEqual(Object.keys(plainMap(JSON.parse('{"__proto__": 1}'))), ['__proto__']);
});

test('a failure says what it is', () => {
  assert.deepEqual(said(new RateLimited('', { afterMs: 30_000 })), {
    kind: 'rate_limited',
    code: 'rate_limited',
    message: 'rate limited',
    retry_after_ms: 30_000,
  });
  assert.deepEqual(said(new NotFound('no such user', { code: 'user.gone', scope: 'task', dependency: 'db', details: { id: 7 } })), {
    kind: 'not_found',
    code: 'user.gone',
    message: 'no such user',
    scope: 'task',
    dependency: 'db',
    details: { id: 7 },
  });
  assert.deepEqual(said(new failures.WorkerBroken()), {
    kind: 'resource',
    code: 'worker.broken',
    message: 'this worker is broken',
    scope: 'worker',
  });
});

test('a subclass names itself', () => {
  assert.equal(said(new Deadlock()).code, 'db.deadlock');
  assert.equal(said(new Clumsy('here')).code, 'Clumsy');
  assert.equal(said(new Clumsy()).message, 'failed for now');
});

test('an absurd delay is brought into range', () => {
  for (const [afterMs, expected] of [[-1, 0], [NaN, 0], [Infinity, 3_153_600_000_000], [250.4, 250], [10n, 10]]) {
    assert.equal(said(new Transient('', { afterMs })).retry_after_ms, expected);
  }
});

test('details that are no map are told all the same', () => {
  assert.deepEqual(said(new Transient('', { details: [1] })).details, { details: [1] });
  assert.deepEqual(said(new Transient('', { details: 'text' })).details, { details: 'text' });
});

test('any other error is a bug with trace and causes', () => {
  const error = new TypeError('x'.repeat(40_000), { cause: new RangeError('inner', { cause: 'a text' }) });
  const fields = said(error);
  assert.deepEqual([fields.kind, fields.code], ['bug', 'TypeError']);
  assert.equal(Buffer.byteLength(fields.message), 8192);
  assert.ok(fields.message.endsWith(MARK) && fields.trace.endsWith(MARK));
  assert.ok(Buffer.byteLength(fields.trace) <= 32 * 1024);
  assert.deepEqual(fields.causes, [{ code: 'RangeError', message: 'inner' }, { code: 'thrown', message: 'a text' }]);
  assert.match(said(new Error('where')).trace, /values\.test\.js/);
});

test('what is thrown need not be an error', () => {
  for (const thrown of ['text', null, undefined, 7, Object.create(null)]) {
    const fields = said(thrown);
    assert.deepEqual([fields.kind, fields.code], ['bug', 'thrown']);
    assert.equal(exitCodeOf(thrown), 70);
  }
});

test('an error that is its own cause ends', () => {
  const error = new Error('round');
  error.cause = error;
  assert.equal(said(error).causes.length, 8);
});

test('every kind has its class and exit code', () => {
  const classes = Object.values(failures).filter((each) => Object.getPrototypeOf(each) === Failure);
  assert.deepEqual(Object.fromEntries(classes.map(({ kind, exitCode }) => [kind, exitCode])), {
    transient: 75,
    timeout: 75,
    rate_limited: 75,
    conflict: 75,
    cancelled: 75,
    unavailable: 69,
    resource: 71,
    invalid: 65,
    not_found: 66,
    denied: 77,
    config: 78,
    bug: 70,
  });
  assert.deepEqual(new Set(classes.map(({ kind }) => kind)), new Set(ERROR_KINDS));
});

test('a message reads like a line', () => {
  assert.equal(sentence('progress', { done: 3, total: 9, unit: 'files', message: 'two\nlines' }), 'progress 3/9 files two lines');
  assert.equal(sentence('progress', { done: 3 }), 'progress 3');
  assert.equal(sentence('log', { level: 3, message: 'disk', fields: { left: '1 GiB', n: 2n } }), 'warn: disk left=1 GiB n="2"');
});

test('the version is that of the package', () => {
  assert.equal(JSON.parse(readFileSync(new URL('../package.json', import.meta.url))).version, VERSION);
});
