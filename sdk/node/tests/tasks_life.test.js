/** Tasks side by side, cancelled, drained, and left behind. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { LineLost, ProtocolError } from '../src/errors.js';
import { Cancelled, NotFound, WorkerBroken } from '../src/failures.js';
import { Snooze } from '../src/tasks/outcome.js';
import { PATIENCE, TASK, packed } from './peer.js';
import { ERROR, RESULT, SNOOZE, accepted, task, tasks } from './pool.js';

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

const reasons = [];
tasks(
  'a supervisor that goes away with a task unfinished cancels it and is an error',
  async (task) => {
    await once(task.signal, 'abort');
    reasons.push(task.cancelReason);
  },
  async (peer, served) => {
    task(peer);
    await accepted(peer);
    peer.close();
    await assert.rejects(served, LineLost);
    await sleep(0);
    assert.deepEqual(reasons, ['lease_lost']);
  },
);

tasks('a supervisor that goes away when nothing is held is a drain', () => {}, async (peer, served) => {
  peer.close();
  await served;
});

tasks(
  'behind its last word a worker answers no task any more',
  async (task) => {
    await once(task.signal, 'abort');
    task.progress(1);
    return task.cancelReason;
  },
  async (peer, served) => {
    task(peer);
    await accepted(peer);
    peer.say('drain', { grace_ms: 20, reason: 'shutdown' });
    assert.deepEqual(await peer.expect('exiting'), { intent: 'done', reason: 'the grace was over with 1 tasks unfinished' });
    await served;
    task(peer, { handle: 2 });
    peer.say('cancel', { handle: 2, reason: 'operator', grace_ms: 0 });
    peer.say('ping', { sequence: 3 });
    assert.deepEqual(await peer.expect('heartbeat'), { sequence: 3, busy: [] });
  },
  { credits: 2 },
);
