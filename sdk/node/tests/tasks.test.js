/** A worker of a pool in this process, with the test as its supervisor. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { LineLost, ProtocolError } from '../src/errors.js';
import { Cancelled, NotFound, RateLimited, WorkerBroken } from '../src/failures.js';
import { Handlers } from '../src/tasks/handlers.js';
import { TaskLoop } from '../src/tasks/loop.js';
import { Result, Snooze } from '../src/tasks/outcome.js';
import { serve } from '../src/tasks/run.js';
import { Decoder } from '../src/wire/decoder.js';
import { Worker } from '../src/worker.js';
import { PATIENCE, TASK, packed, pair } from './peer.js';

const RESULT = 7;
const ERROR = 8;
const SNOOZE = 11;

/** Runs `body(peer, served, worker)` against a welcomed worker with these handlers; `served` is its whole life. */
function tasks(name, handlers, body, { credits = 1, maxFrame = 1 << 20 } = {}) {
  test(name, async () => {
    const { peer, line } = await pair();
    const known = new Handlers(handlers);
    const loop = new TaskLoop(line, known, credits);
    const worker = new Worker(line, { taskTypes: known.types, tasks: loop });
    loop.worker = worker;
    const served = serve(worker, loop, credits);
    served.catch(() => {}); // looked at where it is expected
    try {
      const hello = await peer.expect('hello');
      assert.deepEqual(await peer.expect('ready'), { credits });
      peer.welcome({ max_frame: maxFrame });
      await body(peer, served, worker, hello);
    } finally {
      peer.close();
      await worker.close();
    }
  });
}

function task(peer, fields = {}) {
  peer.say('task', { ...TASK, ...fields });
}

async function accepted(peer, handle = 1) {
  assert.deepEqual(await peer.expect('accepted'), { handle });
}

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

tasks(
  'up to credits tasks run at once, and the heartbeat names them',
  (task) => once(task.signal, 'abort').then(() => task.payload),
  async (peer) => {
    for (let handle = 1; handle <= 4; handle++) task(peer, { handle, payload: handle * 10 });
    for (let handle = 1; handle <= 4; handle++) await accepted(peer, handle);
    peer.say('ping', { sequence: 77 });
    assert.deepEqual(await peer.expect('heartbeat'), { sequence: 77, busy: [1, 2, 3, 4] });
    // The order in which they end is their own.
    for (const handle of [3, 1, 4, 2]) {
      peer.say('cancel', { handle, reason: 'operator', grace_ms: 1000 });
      assert.deepEqual(await peer.expect('result'), { handle, data: handle * 10 });
    }
  },
  { credits: 4 },
);

const starts = [];
tasks(
  'handlers that block are accepted one after the other, for their clocks start with it',
  (task) => {
    starts.push(task.softDeadline);
    const until = performance.now() + 30;
    while (performance.now() < until); // busy
  },
  async (peer) => {
    peer.raw(Buffer.concat([1, 2, 3, 4].map((handle) => packed('task', { ...TASK, handle, soft_ms: 0 }))));
    const order = (await Promise.all(Array.from({ length: 8 }, () => peer.hear()))).map(([name, { handle }]) => `${name} ${handle}`);
    assert.deepEqual(order, [1, 2, 3, 4].flatMap((handle) => [`accepted ${handle}`, `result ${handle}`]));
    for (let index = 1; index < starts.length; index++) assert.ok(starts[index] - starts[index - 1] >= 29);
  },
  { credits: 4 },
);

tasks(
  'a cancelled task that gives up is cancelled, however it says so',
  {
    signal: (task) => sleep(PATIENCE, null, { signal: task.signal }),
    check: async (task) => {
      for (;;) {
        task.throwIfCancelled();
        await sleep(1);
      }
    },
    other: async (task) => {
      await once(task.signal, 'abort');
      throw new NotFound('while it went down');
    },
  },
  async (peer) => {
    for (const [handle, type, kind] of [[1, 'signal', 'cancelled'], [2, 'check', 'cancelled'], [3, 'other', 'not_found']]) {
      task(peer, { handle, type, hard_ms: 60_000 });
      await accepted(peer, handle);
      peer.say('cancel', { handle, reason: 'batch', grace_ms: 500 });
      peer.say('cancel', { handle, reason: 'operator', grace_ms: 0 });
      const error = await peer.expect('error');
      assert.deepEqual([error.handle, error.kind], [handle, kind]);
      if (kind === 'cancelled') assert.deepEqual(error.details, { reason: 'batch' });
    }
  },
);

tasks(
  'a task that is cancelled knows why and how long it has',
  async (task) => {
    assert.equal(task.cancelled, false);
    task.throwIfCancelled();
    await task.worker.wait(0);
    while (!task.cancelled) await sleep(1);
    assert.ok(task.signal.aborted, 'a signal asked for late is aborted');
    assert.ok(task.signal.reason instanceof Cancelled);
    return [task.cancelReason, task.timeLeftMs <= 500];
  },
  async (peer) => {
    task(peer, { hard_ms: 60_000 });
    await accepted(peer);
    peer.say('cancel', { handle: 1, reason: 'timeout', grace_ms: 500 });
    assert.deepEqual(await peer.expect('result'), { handle: 1, data: ['timeout', true] });
  },
);

tasks(
  'a task that is cancelled before it began never runs',
  (task) => {
    if (task.payload === 'never') throw new Error('it ran');
    const until = performance.now() + 20;
    while (performance.now() < until); // busy, so that the next one waits
  },
  async (peer) => {
    const one = packed('task', { ...TASK, handle: 1 });
    const two = packed('task', { ...TASK, handle: 2, payload: 'never' });
    peer.raw(Buffer.concat([one, two, packed('cancel', { handle: 2, reason: 'operator', grace_ms: 0 })]));
    const heard = await Promise.all([peer.hear(), peer.hear(), peer.hear()]);
    const error = heard.find(([name]) => name === 'error')[1];
    assert.deepEqual([error.handle, error.kind], [2, 'cancelled']);
    assert.deepEqual(heard.map(([name]) => name).sort(), ['accepted', 'error', 'result']);
  },
  { credits: 2 },
);

tasks('what names a stale handle is ignored', () => 'fine', async (peer) => {
  peer.say('cancel', { handle: 99, reason: 'operator', grace_ms: 0 });
  peer.say('ack', { handle: 99, of: RESULT });
  task(peer);
  await accepted(peer);
  await peer.expect('result');
  peer.say('cancel', { handle: 1, reason: 'operator', grace_ms: 0 });
  peer.say('ack', { handle: 1, of: RESULT });
  peer.say('ack', { handle: 1, of: RESULT });
  task(peer, { handle: 2 });
  await accepted(peer, 2);
  assert.deepEqual(await peer.expect('result'), { handle: 2, data: 'fine' });
});

for (const [about, second] of [['more tasks than credits', { handle: 2 }], ['a handle twice', { handle: 1 }]]) {
  tasks(
    `${about} end the line`,
    (task) => once(task.signal, 'abort'),
    async (peer, _, worker) => {
      task(peer, { handle: 1 });
      await accepted(peer);
      task(peer, second);
      await assert.rejects(worker.wait(), ProtocolError);
    },
    { credits: 3 - second.handle },
  );
}

tasks(
  'a drain lets what is held finish, and waits for its ack',
  (task) => sleep(task.payload),
  async (peer, served) => {
    task(peer, { payload: 50 });
    await accepted(peer);
    peer.say('drain', { grace_ms: PATIENCE, reason: 'deploy' });
    await peer.expect('result');
    peer.say('ack', { handle: 1, of: ERROR }); // not of what was said
    peer.say('ping', { sequence: 3 });
    assert.deepEqual(await peer.expect('heartbeat'), { sequence: 3, busy: [] });
    peer.say('ack', { handle: 1, of: RESULT });
    await served;
    assert.deepEqual(await peer.expect('exiting'), { intent: 'done' });
  },
);

tasks(
  'errors and snoozes are waited for like results',
  {
    error() {
      throw new NotFound();
    },
    snooze() {
      throw new Snooze(1);
    },
  },
  async (peer, served) => {
    task(peer, { handle: 1, type: 'error' });
    task(peer, { handle: 2, type: 'snooze' });
    for (let times = 0; times < 4; times++) await peer.hear();
    peer.say('drain', { grace_ms: PATIENCE, reason: 'deploy' });
    peer.say('ack', { handle: 1, of: ERROR });
    peer.say('ping', { sequence: 3 });
    await peer.expect('heartbeat');
    peer.say('ack', { handle: 2, of: SNOOZE });
    await served;
    assert.deepEqual(await peer.expect('exiting'), { intent: 'done' });
  },
  { credits: 2 },
);

tasks('a grace that is over ends the wait for acks', () => 1, async (peer, served) => {
  task(peer);
  await accepted(peer);
  await peer.expect('result');
  peer.say('drain', { grace_ms: 20, reason: 'deploy' });
  await served;
  assert.deepEqual(await peer.expect('exiting'), { intent: 'done' });
});

tasks('a grace that is over ends the wait for a handler, and says so', (task) => once(task.signal, 'abort'), async (peer, served) => {
  task(peer);
  await accepted(peer);
  peer.say('drain', { grace_ms: 20, reason: 'deploy' });
  await served;
  const exiting = await peer.expect('exiting');
  assert.equal(exiting.intent, 'done');
  assert.match(exiting.reason, /1 task/);
});

tasks('a drain with nothing held ends at once', () => {}, async (peer, served) => {
  peer.say('drain', { grace_ms: PATIENCE, reason: 'deploy' });
  await served;
  assert.deepEqual(await peer.expect('exiting'), { intent: 'done' });
});

const release = new AbortController();
tasks(
  'a broken worker says so, takes nothing more and leaves when the rest is done',
  {
    async break() {
      throw new WorkerBroken('the library is in a wrong state');
    },
    wait: () => once(release.signal, 'abort').then(() => 'finished'),
  },
  async (peer, served) => {
    task(peer, { handle: 1, type: 'wait' });
    task(peer, { handle: 2, type: 'break' });
    await accepted(peer, 1);
    await accepted(peer, 2);
    const error = await peer.expect('error');
    assert.deepEqual([error.handle, error.kind, error.scope, error.code], [2, 'resource', 'worker', 'worker.broken']);
    assert.deepEqual(await peer.expect('draining'), { reason: 'the library is in a wrong state' });
    task(peer, { handle: 3, type: 'wait' });
    const snooze = await peer.expect('snooze');
    assert.deepEqual([snooze.handle, snooze.delay_ms], [3, 0]);
    release.abort();
    assert.deepEqual(await peer.expect('result'), { handle: 1, data: 'finished' });
    for (const [handle, of] of [[1, RESULT], [2, ERROR], [3, SNOOZE]]) peer.say('ack', { handle, of });
    await served;
    assert.deepEqual(await peer.expect('exiting'), { intent: 'restart_now', reason: 'the library is in a wrong state' });
  },
  { credits: 3 },
);

tasks(
  'a supervisor that goes away with a task unfinished cancels it and is an error',
  async (task) => {
    await once(task.signal, 'abort');
    seen.push(task.cancelReason);
  },
  async (peer, served) => {
    seen.length = 0;
    task(peer);
    await accepted(peer);
    peer.close();
    await assert.rejects(served, LineLost);
    await sleep(0);
    assert.deepEqual(seen, ['lease_lost']);
  },
);

tasks('a supervisor that goes away when nothing is held is a drain', () => {}, async (peer, served) => {
  peer.close();
  await served;
});
