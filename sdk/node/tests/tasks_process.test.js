/** Real processes that do tasks, with a supervisor and without. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { Child, ROOT, TASK } from './peer.js';

const alone = (handlers, options) => new Child(`hearken.runTasks(${handlers});`, { supervised: false, ...options }).finish();

/** A process that has said hello and ready, and was welcomed. */
async function worker(handlers, options = '') {
  const child = new Child(`hearken.runTasks(${handlers}${options});`);
  await child.peer.expect('hello');
  await child.peer.expect('ready');
  child.peer.welcome({ heartbeat_ms: 60_000 });
  return child;
}

test('a task, its ack, a drain, and exit 0', async () => {
  const child = await worker('(task) => task.payload * 2');
  child.peer.say('task', { ...TASK, payload: 21 });
  assert.deepEqual(await child.peer.expect('accepted'), { handle: 1 });
  assert.deepEqual(await child.peer.expect('result'), { handle: 1, data: 42 });
  child.peer.say('ack', { handle: 1, of: 7 });
  child.peer.say('drain', { grace_ms: 5000, reason: 'shutdown' });
  child.kill('SIGTERM');
  assert.deepEqual(await child.peer.hearAll(), [['exiting', { intent: 'done' }]]);
  const { code, err } = await child.finish();
  assert.deepEqual([code, err], [0, '']);
});

test('accepted is out before the work begins', async () => {
  const child = await worker('() => { for (;;); }');
  child.peer.say('task', TASK);
  assert.deepEqual(await child.peer.expect('accepted'), { handle: 1 });
  child.kill('SIGKILL');
  await child.finish();
});

test('SIGTERM alone is a drain that the supervisor is told of', async () => {
  const child = await worker('(task) => new Promise((resolve) => setTimeout(resolve, task.payload))', ', { credits: 2 }');
  child.peer.say('task', { ...TASK, payload: 50 });
  await child.peer.expect('accepted');
  child.kill('SIGTERM');
  assert.deepEqual(await child.peer.expect('draining'), { reason: 'SIGTERM' });
  assert.deepEqual(await child.peer.expect('result'), { handle: 1 });
  child.peer.say('ack', { handle: 1, of: 7 });
  assert.deepEqual(await child.peer.hearAll(), [['exiting', { intent: 'done' }]]);
  assert.equal((await child.finish()).code, 0);
});

test('an error that no handler sees ends the worker as a bug', async () => {
  const child = await worker("() => { setTimeout(() => { throw new RangeError('late'); }); return new Promise(() => {}); }");
  child.peer.say('task', TASK);
  await child.peer.expect('accepted');
  const error = await child.peer.expect('error');
  assert.deepEqual([error.handle, error.kind, error.code], [undefined, 'bug', 'RangeError']);
  assert.equal((await child.finish()).code, 70);
});

test('a supervisor that goes away or talks nonsense ends the worker in one line', async () => {
  for (const [harm, expected] of [
    [(peer) => peer.close(), 75],
    [(peer) => peer.raw(Buffer.from([0, 0, 0, 1, 0xc1])), 76],
    [(peer) => peer.say('task', { ...TASK, handle: 2 }), 76],
  ]) {
    const child = await worker('() => new Promise(() => {})');
    child.peer.say('task', TASK);
    await child.peer.expect('accepted');
    harm(child.peer);
    const { code, err } = await child.finish();
    assert.deepEqual([code, err.trimEnd().split('\n').length], [expected, 1], err);
  }
});

test('options that are wrong are a mistake of the program', async () => {
  for (const options of ['{}', '() => {}, { credits: 0 }', '() => {}, { credits: 1.5 }', '() => {}, { credits: 65536 }']) {
    const { code, err } = await alone(options);
    assert.equal(code, 1);
    assert.match(err, /handlers|credits/);
  }
});

test('without a supervisor the first argument is the payload, as JSON if it is', async () => {
  const json = await alone('(task) => task.payload.n + 1', { args: ['{"n": 1}'] });
  assert.deepEqual([json.code, json.out, json.err], [0, '2\n', '']);
  const text = await alone('(task) => [task.payload]', { args: ['no JSON'] });
  assert.equal(text.out, '["no JSON"]\n');
});

test('without an argument standard input is the payload', async () => {
  assert.equal((await alone('async (task) => task.payload.n + 1', { input: '{"n": 1}' })).out, '2\n');
  assert.equal((await alone('(task) => task.payload', { input: '' })).out, '""\n');
});

test('a result is JSON, and bytes are bytes', async () => {
  const value = await alone('() => ({ big: 2n ** 60n, bytes: Buffer.from("x"), map: new Map([["k", new Set([1])]]) })', { args: ['0'] });
  assert.deepEqual(JSON.parse(value.out), { big: String(2n ** 60n), bytes: 'x', map: { k: [1] } });
  assert.equal((await alone('() => Buffer.from("as it is")', { args: ['0'] })).out, 'as it is');
  assert.equal((await alone('() => {}', { args: ['0'] })).out, 'null\n');
  const summed = await alone('() => new hearken.Result(1, { summary: { rows: 3 } })', { args: ['0'] });
  assert.deepEqual([summed.out, summed.err], ['1\n', 'hearken: summary rows=3\n']);
  const large = await alone('() => "x".repeat(1000000)', { args: ['0'] });
  assert.equal(large.out.length, 1_000_003);
});

test('the environment of exec mode tells about the task', async () => {
  const env = { HEARKEN_TASK_ID: 'the-id', HEARKEN_TASK_ATTEMPT: '3', HEARKEN_TASK_TYPE: 'a', HEARKEN_TASK_KEY: 'the-key' };
  const handlers = '{ a: (task) => [task.id, task.attempt, task.type, task.key], b() {} }';
  assert.deepEqual(JSON.parse((await alone(handlers, { args: ['0'], env })).out), ['the-id', 3, 'a', 'the-key']);
  const bare = JSON.parse((await alone('(task) => [task.id === task.key, task.attempt, task.crashes]', { args: ['0'] })).out);
  assert.deepEqual(bare, [true, 1, 0]);
  const unknown = await alone(handlers, { args: ['0'], env: { HEARKEN_TASK_TYPE: 'c' } });
  assert.equal(unknown.code, 65);
  assert.match(unknown.err, /task\.type_unknown/);
});

test('what is said without a supervisor goes to standard error, and the exit code is that of the error', async () => {
  const body = '(task) => { task.progress(1, 2); task.checkpoint("x"); throw new hearken[task.payload](1000); }';
  for (const [name, code] of [['Transient', 75], ['Invalid', 65], ['Fatal', 65], ['NotFound', 66], ['WorkerBroken', 71], ['Snooze', 75]]) {
    const ended = await alone(body, { args: [name] });
    assert.deepEqual([ended.code, ended.out], [code, '']);
    assert.match(ended.err, name === 'Snooze' ? /\nhearken: snooze delay_ms=1000 reason=not now\n$/ : /^hearken: progress 1\/2\nhearken: error /);
  }
  const bug = await alone('() => null.nothing', { args: ['0'] });
  assert.equal(bug.code, 70);
  assert.match(bug.err, /error bug \(TypeError\)/);
});

test('without a supervisor SIGTERM cancels the task', async () => {
  const code = "(task) => new Promise((_, reject) => { task.signal.onabort = () => reject(task.signal.reason); console.log('up'); setTimeout(() => {}, 60000); })";
  const child = new Child(`hearken.runTasks(${code});`, { supervised: false, args: ['0'] });
  await child.printed('up');
  child.kill('SIGTERM');
  const ended = await child.finish();
  assert.equal(ended.code, 75);
  assert.match(ended.err, /error cancelled/);
});

test('the example does its task', async () => {
  const child = spawn(process.execPath, [path.join(ROOT, 'examples/tasks.mjs'), '{"path": "package.json"}'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  assert.deepEqual(await once(child, 'close'), [0, null]);
  const sum = createHash('sha256').update(readFileSync(path.join(ROOT, 'package.json'))).digest('hex');
  assert.equal(JSON.parse(out).sha256, sum);
});
