/** A worker in this process, with the test as its supervisor. */

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';

import { FrameTooLarge, LineError, LineLost, NotSendable, ProtocolError, Rejected } from '../src/errors.js';
import { Invalid } from '../src/failures.js';
import { HalfFrame } from '../src/wire/half.js';
import { Worker } from '../src/worker.js';
import { PATIENCE, TASK, WELCOME, packed, pair } from './peer.js';

/** Runs `body(worker, peer)` with a worker that has said hello. */
function worker(name, body) {
  test(name, async () => {
    const { peer, line } = await pair();
    const worker = new Worker(line);
    const hello = await peer.expect('hello');
    try {
      await body(worker, peer, hello);
    } finally {
      await worker.close();
      peer.close();
    }
  });
}

worker('hello is the first word', (_, __, hello) => {
  assert.deepEqual(hello.protocol, [1, 1]);
  assert.equal(hello.pid, process.pid);
  assert.match(hello.sdk, /^hearken-node\/\d/);
  assert.match(hello.language, /^node \d/);
});

worker('nothing waits for the welcome', async (worker, peer) => {
  worker.ready();
  assert.deepEqual(await peer.expect('ready'), {});
  peer.welcome({ config: { colour: 'red' }, heartbeat_ms: 3_600_000 });
  const welcome = await worker.welcome();
  assert.deepEqual([welcome.unit, welcome.instance, welcome.config.colour], ['web', 2, 'red']);
});

worker('a welcome that does not come is an error with a bound', async (worker) => {
  await assert.rejects(worker.welcome(10), (error) => error instanceof LineError && /did not answer/.test(error.message));
});

worker('a welcome that will never come is an error', async (worker, peer) => {
  peer.close();
  await assert.rejects(worker.welcome(), LineLost);
});

worker('what is said arrives', async (worker, peer) => {
  worker.ready(4);
  worker.status('up');
  worker.progress(3, 9, { unit: 'files', stage: 'resize', message: 'on it' });
  worker.log('warning', 'disk is filling', { level: 7, path: '/var', since: undefined }, 'disk');
  worker.error(new RangeError('broken'));
  worker.metric('mails.sent', 1, { labels: { queue: 7 } });
  worker.metric('queue.length', 2.5, { type: 'gauge' });
  worker.event('cache.cleared');
  worker.askToBeReplaced('500 requests');
  assert.deepEqual(await peer.expect('ready'), { credits: 4 });
  assert.deepEqual(await peer.expect('status'), { text: 'up' });
  assert.deepEqual(await peer.expect('progress'), { done: 3, total: 9, unit: 'files', stage: 'resize', message: 'on it' });
  const log = await peer.expect('log');
  assert.deepEqual([log.level, log.fields, log.target], [3, { level: 7, path: '/var' }, 'disk']);
  assert.ok(Math.abs(log.time / 1000 - Date.now()) < 60_000);
  const error = await peer.expect('error');
  assert.deepEqual([error.kind, error.code, error.message], ['bug', 'RangeError', 'broken']);
  assert.deepEqual(await peer.expect('metric'), { name: 'mails.sent', type: 'c', value: 1, labels: { queue: '7' } });
  assert.deepEqual(await peer.expect('metric'), { name: 'queue.length', type: 'g', value: 2.5 });
  assert.deepEqual(await peer.expect('event'), { name: 'cache.cleared', fields: {} });
  assert.deepEqual(await peer.expect('draining'), { reason: '500 requests' });
});

worker('a ping is answered with its sequence', async (worker, peer) => {
  for (const sequence of [7, 2n ** 64n - 1n]) {
    peer.say('ping', { sequence });
    assert.deepEqual(await peer.expect('heartbeat'), { sequence });
  }
  worker.heartbeat(1 << 20);
  assert.deepEqual(await peer.expect('heartbeat'), { sequence: 2n ** 64n - 1n, memory: 1 << 20 });
});

worker('heartbeats come as often as welcome asks', async (_, peer) => {
  peer.welcome({ heartbeat_ms: 1 });
  assert.deepEqual(await peer.expect('heartbeat'), { sequence: 0 });
  assert.deepEqual(await peer.expect('heartbeat'), { sequence: 0 });
});

worker('a frame in pieces is one frame', async (worker, peer) => {
  const whole = packed('drain', { grace_ms: 1500, reason: 'deploy' });
  for (const byte of whole.subarray(0, -1)) peer.raw(Buffer.from([byte]));
  peer.raw(whole.subarray(-1));
  assert.equal(await worker.wait(PATIENCE), true);
  assert.deepEqual(worker.drain, { reason: 'deploy', graceMs: 1500 });
});

worker('a drain ends a wait, aborts the signal and calls back once', async (worker, peer) => {
  const drains = [];
  worker.onDrain((drain) => drains.push(drain));
  assert.equal(worker.draining, false);
  assert.equal(worker.drain, null);
  peer.say('drain', { grace_ms: 1500, reason: 'deploy' });
  peer.say('drain', { grace_ms: 100, reason: 'again' });
  peer.say('ping', { sequence: 1 });
  assert.equal(await worker.wait(), true);
  assert.equal(await worker.wait(), true, 'while draining it returns at once');
  await peer.expect('heartbeat');
  assert.deepEqual(drains, [{ reason: 'deploy', graceMs: 1500 }]);
  assert.equal(worker.signal.aborted, true);
  assert.equal(worker.signal.reason, worker.drain);
  worker.onDrain((drain) => drains.push(drain));
  assert.equal(drains.length, 2, 'a callback that comes late is called at once');
  worker.status('finishing');
  assert.deepEqual(await peer.expect('status'), { text: 'finishing' });
});

worker('a wait without news lasts its time', async (worker) => {
  const started = performance.now();
  assert.equal(await worker.wait(20), false);
  assert.ok(performance.now() - started >= 19);
});

worker('a callback that fails is told as a bug, and the line goes on', async (worker, peer) => {
  worker.onDrain(() => {
    throw new RangeError('stumbled');
  });
  worker.onDrain(async () => {
    throw new TypeError('stumbled later');
  });
  peer.say('drain', { grace_ms: 1, reason: 'x' });
  const first = await peer.expect('error');
  assert.deepEqual([first.code, first.message], ['RangeError', 'stumbled']);
  assert.equal((await peer.expect('error')).code, 'TypeError');
  peer.say('ping', { sequence: 9 });
  assert.deepEqual(await peer.expect('heartbeat'), { sequence: 9 });
});

worker('a reject is an error', async (worker, peer) => {
  peer.say('reject', { code: 'protocol', message: 'speaks 2 to 3' });
  await assert.rejects(worker.wait(), (error) => error instanceof Rejected && /speaks 2 to 3/.test(error.message));
  assert.throws(() => worker.ready(), Rejected);
  assert.equal(worker.draining, true);
});

worker('a reject before the end of the line is not missed', async (worker, peer) => {
  peer.say('reject', { code: 'protocol', message: 'no' });
  peer.close();
  // All in one turn of the event loop: the write fails before anything could be read.
  worker.ready();
  worker.flush();
  assert.throws(() => worker.status('anybody?'), LineLost);
  await assert.rejects(worker.wait(), Rejected);
});

worker('the end of the line drains, and what is said after it is an error', async (worker, peer) => {
  peer.close();
  assert.equal(await worker.wait(), true);
  assert.match(worker.drain.reason, /gone/);
  for (let times = 0; times < 2; times++) assert.throws(() => worker.status('anybody?'), LineLost);
});

for (const [about, bytes] of Object.entries({
  'a frame over the limit': Buffer.from('7fffffff', 'hex'),
  'a frame of nothing': Buffer.alloc(4),
  'not a frame': Buffer.from('\0\0\0\x03abc'),
  'an unknown critical kind': packed(63, {}),
  'a task for a service': packed('task', TASK),
  'a message of a child': packed('hello', {}),
})) {
  worker(`${about} ends the line`, async (worker, peer) => {
    peer.raw(bytes);
    await assert.rejects(worker.wait(PATIENCE), ProtocolError);
    assert.deepEqual(await peer.hearAll(), []);
  });
}

test('a frame left half ends the line', async () => {
  const { peer, line } = await pair(new HalfFrame(30));
  const worker = new Worker(line);
  await peer.expect('hello');
  peer.raw(Buffer.concat([packed('ping', { sequence: 1 }), packed('ping', { sequence: 2 }).subarray(0, 7)]));
  await assert.rejects(worker.wait(PATIENCE), (error) => error instanceof ProtocolError && /half after 7 bytes/.test(error.message));
  assert.deepEqual(await peer.hearAll(), [['heartbeat', { sequence: 1 }]]);
  await worker.close();
});

worker('unknown ancillary messages are dropped', async (_, peer) => {
  peer.say(100, { whatever: [1] });
  peer.say('ping', { sequence: 5 });
  assert.deepEqual(await peer.expect('heartbeat'), { sequence: 5 });
});

worker('the limit of a frame is 64 KiB until welcome says otherwise', async (worker, peer) => {
  const fields = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`field${index}`, 'x'.repeat(8000)]));
  assert.throws(() => worker.log('info', 'much', fields), (error) => error instanceof FrameTooLarge && /65536/.test(error.message));
  // Its limit counts for the frame right behind it, too.
  peer.raw(Buffer.concat([packed('welcome', WELCOME), packed('drain', { grace_ms: 1, reason: 'x'.repeat(70_000) })]));
  await worker.wait();
  worker.log('info', 'much', fields);
  assert.equal((await peer.expect('log')).fields.field8.length, 8000);
});

worker('an error too large for a frame is told without its details', async (worker, peer) => {
  const details = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`row${index}`, 'x'.repeat(8000)]));
  worker.error(new Invalid('bad rows', { details }));
  const error = await peer.expect('error');
  assert.equal(error.message, 'bad rows');
  assert.match(error.details.dropped, /limit/);
});

worker('what a supervisor leaves unread arrives whole when it reads again, but for progress', async (worker, peer) => {
  peer.welcome();
  await worker.welcome();
  peer.pause();
  const text = 'x'.repeat(8000);
  const count = 1000;
  for (let number = 0; number < count; number++) worker.event(`e${number}`, { text });
  worker.flush();
  worker.progress(1, 2);
  worker.status('behind it');
  peer.resume();
  for (let number = 0; number < count; number++) assert.equal((await peer.expect('event')).name, `e${number}`);
  assert.deepEqual(await peer.expect('status'), { text: 'behind it' });
});

worker('a supervisor that never reads is none', async (worker, peer) => {
  peer.welcome();
  await worker.welcome();
  peer.pause();
  const text = 'x'.repeat(8000);
  assert.throws(() => {
    for (;;) worker.event('flood', { text });
  }, (error) => error instanceof LineLost && /unread/.test(error.message));
  assert.equal(await worker.wait(), true);
  assert.match(worker.drain.reason, /unread/);
});

worker('a program that does not come back to the event loop is heard', async (worker, peer) => {
  worker.ready();
  await peer.expect('ready');
  worker.progress(1);
  const until = performance.now() + 20;
  while (performance.now() < until); // busy
  worker.progress(2);
  assert.equal(worker.supervised, true);
  assert.equal((await peer.expect('progress')).done, 1);
  assert.equal((await peer.expect('progress')).done, 2);
});

worker('after exiting only farewells are said', async (worker, peer) => {
  worker.exiting('restart_now', 'upgrade');
  for (const late of [() => worker.ready(), () => worker.exiting(), () => worker.progress()]) {
    assert.throws(late, (error) => error instanceof NotSendable && /after exiting/.test(error.message));
  }
  worker.status('bye');
  worker.log('info', 'bye');
  worker.heartbeat();
  worker.metric('byes', 1);
  worker.event('bye.said');
  await worker.close();
  const [exiting, ...farewells] = await peer.hearAll();
  assert.deepEqual(exiting, ['exiting', { intent: 'restart_now', reason: 'upgrade' }]);
  assert.deepEqual(farewells.map(([name]) => name), ['status', 'log', 'heartbeat', 'metric', 'event']);
});

test('close leaves no descriptor and no handler behind', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  const { peer, line } = await pair();
  const worker = new Worker(line);
  assert.equal(process.listenerCount('SIGTERM'), 1);
  await worker.close();
  await worker.close();
  peer.close();
  assert.equal(process.listenerCount('SIGTERM'), 0);
  // The descriptors of the two sockets are closed by the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(open() <= before, `${open()} after ${before}`);
});
