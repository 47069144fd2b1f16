/** What a handler gives and throws, and what its task tells it. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Fatal, NotFound, RateLimited } from '../src/failures.js';
import { Handlers } from '../src/tasks/handlers.js';
import { Result, Snooze } from '../src/tasks/outcome.js';
import { Decoder } from '../src/wire/decoder.js';
import { TASK } from './peer.js';
import { ERROR, accepted, task, tasks } from './pool.js';

tasks('a value is a result', (task) => ({ doubled: task.payload.n * 2 }), async (peer) => {
  task(peer, { payload: { n: 21 } });
  await accepted(peer);
  assert.deepEqual(await peer.expect('result'), { handle: 1, data: { doubled: 42 } });
});

tasks('a promise of a value is a result', async () => 'done', async (peer) => {
  task(peer);
  await accepted(peer);
  assert.deepEqual(await peer.expect('result'), { handle: 1, data: 'done' });
});

tasks('nothing is a result', { nothing() {}, none: () => null }, async (peer) => {
  task(peer, { type: 'nothing' });
  await accepted(peer);
  assert.deepEqual(await peer.expect('result'), { handle: 1 });
  task(peer, { handle: 2, type: 'none' });
  await accepted(peer, 2);
  assert.deepEqual(await peer.expect('result'), { handle: 2, data: null });
});

tasks(
  'bytes have a media type and a summary where the handler gives them',
  () => new Result(Buffer.from('png'), { contentType: 'image/png', summary: { width: 7 } }),
  async (peer) => {
    task(peer);
    await accepted(peer);
    const said = { handle: 1, data: Buffer.from('png'), content_type: 'image/png', summary: { width: 7 } };
    assert.deepEqual(await peer.expect('result'), said);
  },
);

for (const [about, returned, contentType, summary] of [
  ['bytes', Buffer.alloc(600 * 1024, 'abc'), 'application/octet-stream'],
  ['bytes with a media type', new Result(new Uint8Array(300 * 1024).fill(7), { contentType: 'image/png', summary: { n: 1 } }), 'image/png', { n: 1 }],
  ['a value', { text: 'ä'.repeat(400 * 1024), list: [1, 2n ** 60n] }, 'application/msgpack'],
]) {
  tasks(`${about} over 256 KiB goes in chunks`, () => returned, async (peer) => {
    task(peer);
    await accepted(peer);
    const pieces = [];
    for (let last = false; !last; ) {
      const chunk = await peer.expect('chunk');
      assert.equal(chunk.handle, 1);
      assert.equal(chunk.sequence, pieces.length);
      assert.ok(chunk.data.length <= 256 * 1024);
      pieces.push(chunk.data);
      last = chunk.last;
    }
    const said = { handle: 1, content_type: contentType, chunks: pieces.length };
    assert.deepEqual(await peer.expect('result'), summary === undefined ? said : { ...said, summary });
    const whole = Buffer.concat(pieces);
    const data = returned instanceof Result ? returned.data : returned;
    if (data instanceof Uint8Array) assert.ok(whole.equals(data));
    else assert.deepEqual(new Decoder(whole).value(0), data);
  });
}

tasks(
  'chunks fit the frames of a supervisor that allows less',
  () => Buffer.alloc(100_000, 'x'),
  async (peer) => {
    task(peer);
    await accepted(peer);
    let length = 0;
    for (let last = false; !last; ) {
      const chunk = await peer.expect('chunk');
      length += chunk.data.length;
      last = chunk.last;
    }
    assert.equal(length, 100_000);
    assert.equal((await peer.expect('result')).content_type, 'application/octet-stream');
  },
  { maxFrame: 20_000 },
);

tasks('a result that cannot be sent is a bug', { fn: () => () => {}, big: () => ['x'.repeat(300_000), Symbol('s')] }, async (peer) => {
  for (const [handle, type] of [[1, 'fn'], [2, 'big']]) {
    task(peer, { handle, type });
    await accepted(peer, handle);
    const error = await peer.expect('error');
    assert.deepEqual([error.handle, error.kind, error.code], [handle, 'bug', 'NotSendable']);
    peer.say('ack', { handle, of: ERROR });
  }
});

tasks(
  'what a handler throws is the error',
  {
    limited() {
      throw new RateLimited('slow down', { afterMs: 30_000, dependency: 'mail' });
    },
    async bug() {
      throw new TypeError('oh');
    },
    text: () => Promise.reject('a text'),
    odd() {
      throw new NotFound('x', { scope: 'galaxy' });
    },
  },
  async (peer) => {
    const heard = {};
    for (const [index, type] of ['limited', 'bug', 'text', 'odd'].entries()) {
      task(peer, { handle: index, type });
      await accepted(peer, index);
      heard[type] = await peer.expect('error');
      assert.equal(heard[type].handle, index);
    }
    const { handle: _, ...limited } = heard.limited;
    assert.deepEqual(limited, {
      kind: 'rate_limited',
      code: 'rate_limited',
      message: 'slow down',
      retry_after_ms: 30_000,
      dependency: 'mail',
    });
    assert.deepEqual([heard.bug.kind, heard.bug.code, heard.bug.message], ['bug', 'TypeError', 'oh']);
    assert.match(heard.bug.trace, /tasks\.test\.js/);
    assert.deepEqual([heard.text.kind, heard.text.message], ['bug', 'a text']);
    assert.deepEqual([heard.odd.kind, heard.odd.code], ['bug', 'NotSendable'], 'a failure that cannot be told ends its task all the same');
  },
);

tasks(
  'a fatal failure gives up its task and touches nothing else',
  ({ payload }) => {
    if (payload !== null) throw new Fatal(payload.message, payload);
    return 'on';
  },
  async (peer) => {
    task(peer, { payload: { message: 'void', code: 'order.void' } });
    await accepted(peer);
    const told = { kind: 'invalid', code: 'order.void', message: 'void', retryable: false };
    assert.deepEqual(await peer.expect('error'), { handle: 1, ...told });
    task(peer, { handle: 2, payload: { retryable: true } });
    await accepted(peer, 2);
    const error = await peer.expect('error');
    assert.deepEqual([error.kind, error.code, error.retryable], ['invalid', 'invalid', false]);
    task(peer, { handle: 3 });
    await accepted(peer, 3);
    assert.deepEqual(await peer.expect('result'), { handle: 3, data: 'on' });
  },
);

tasks(
  'a snooze is no failure, thrown or returned',
  {
    thrown() {
      throw new Snooze(60_000, 'the quota is used up');
    },
    returned: async () => new Snooze(-5),
  },
  async (peer) => {
    task(peer, { type: 'thrown' });
    await accepted(peer);
    assert.deepEqual(await peer.expect('snooze'), { handle: 1, delay_ms: 60_000, reason: 'the quota is used up' });
    task(peer, { handle: 2, type: 'returned' });
    await accepted(peer, 2);
    assert.deepEqual(await peer.expect('snooze'), { handle: 2, delay_ms: 0, reason: 'not now' });
  },
);

tasks('hello names the types, and each task goes to its handler', { a: () => 'a', b: () => 'b', default: () => 'd' }, async (peer, _, __, hello) => {
  assert.deepEqual(hello.task_types, ['a', 'b', 'default']);
  for (const [handle, type, data] of [[1, 'a', 'a'], [2, 'b', 'b'], [3, undefined, 'd']]) {
    task(peer, type === undefined ? { handle } : { handle, type });
    await accepted(peer, handle);
    assert.deepEqual(await peer.expect('result'), { handle, data });
  }
});

tasks('a type without a handler is invalid, and so is none where there are several', { a() {}, b() {} }, async (peer) => {
  for (const [handle, type] of [[1, 'c'], [2, undefined], [3, 'constructor']]) {
    task(peer, type === undefined ? { handle } : { handle, type });
    await accepted(peer, handle);
    const error = await peer.expect('error');
    assert.deepEqual([error.handle, error.kind, error.code], [handle, 'invalid', 'task.type_unknown']);
  }
});

tasks('the only handler takes tasks without a type', { only: () => 1 }, async (peer, _, __, hello) => {
  assert.equal(hello.task_types, undefined);
  task(peer);
  await accepted(peer);
  assert.deepEqual(await peer.expect('result'), { handle: 1, data: 1 });
});

test('handlers that are none are refused', () => {
  for (const handlers of [null, undefined, {}, 'text', { a: 1 }]) assert.throws(() => new Handlers(handlers), TypeError);
});

const seen = [];
tasks('a task tells everything about itself', (task) => void seen.push(task), async (peer) => {
  task(peer, { handle: 1 });
  await peer.expect('accepted');
  await peer.expect('result');
  const full = {
    type: 'thumbnail',
    attempt: 3,
    crashes: 1,
    payload: Buffer.from('x'),
    content_type: 'text/plain',
    soft_ms: 1000,
    hard_ms: 2n ** 60n,
    key: 'customer-12',
    headers: { user: 'anna' },
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    checkpoint: Buffer.from('row=300'),
    last_error: { kind: 'crashed', code: 'signal.SEGV', message: 'killed by SIGSEGV' },
    batch: 'night',
  };
  task(peer, { handle: 2, ...full });
  await peer.expect('accepted');
  await peer.expect('result');
  const [bare, rich] = seen;
  assert.deepEqual([bare.id, bare.key, bare.type, bare.headers, bare.deadline, bare.timeLeftMs], [TASK.id, TASK.id, undefined, {}, undefined, undefined]);
  assert.deepEqual([bare.softDeadline, bare.lastCheckpoint, bare.lastError, bare.batch], [undefined, undefined, undefined, undefined]);
  assert.deepEqual([rich.type, rich.attempt, rich.crashes, rich.key, rich.batch], ['thumbnail', 3, 1, 'customer-12', 'night']);
  assert.deepEqual([rich.payload, rich.lastCheckpoint, rich.contentType], [full.payload, full.checkpoint, 'text/plain']);
  assert.deepEqual([rich.headers, rich.lastError, rich.traceparent], [full.headers, full.last_error, full.traceparent]);
  assert.ok(rich.softDeadline - performance.now() <= 1000 && rich.softDeadline > 0);
  assert.ok(rich.timeLeftMs > 2 ** 59);
});

tasks(
  'what a task says bears its handle',
  async (task) => {
    task.progress(3, 9);
    task.log('info', 'half way', { n: 1 });
    task.event('page.done', { page: 3 });
    task.metric('pages', 1);
    task.checkpoint('row=300');
    task.checkpoint(Buffer.from('row=600'));
    assert.throws(() => task.checkpoint(Buffer.alloc(65 * 1024)), /checkpoint/);
    seen.push(task);
  },
  async (peer) => {
    task(peer, { handle: 5 });
    await accepted(peer, 5);
    assert.deepEqual(await peer.expect('progress'), { handle: 5, done: 3, total: 9 });
    const { time, ...log } = await peer.expect('log');
    assert.ok(time > 0);
    assert.deepEqual(log, { handle: 5, level: 2, message: 'half way', fields: { n: 1 } });
    assert.deepEqual(await peer.expect('event'), { handle: 5, name: 'page.done', fields: { page: 3 } });
    assert.deepEqual(await peer.expect('metric'), { name: 'pages', type: 'c', value: 1 });
    assert.deepEqual(await peer.expect('checkpoint'), { handle: 5, sequence: 0, data: Buffer.from('row=300') });
    assert.deepEqual(await peer.expect('checkpoint'), { handle: 5, sequence: 1, data: Buffer.from('row=600') });
    assert.deepEqual(await peer.expect('result'), { handle: 5 });
    seen.pop().progress(9, 9); // it is over: nobody hears it
    peer.say('ping', { sequence: 1 });
    await peer.expect('heartbeat');
  },
);
