/** The time a frame has from its first byte to its last. */

import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { COMPLETION, HalfFrame } from '../src/wire/half.js';

// The clock does not keep a program alive, and this program has nothing else to do.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

/** Notes half a frame. Resolves with the milliseconds after which its time was over. */
function begun(half) {
  const started = performance.now();
  return new Promise((resolve) => half.note(true, false, () => resolve(performance.now() - started)));
}

test('a frame has five seconds', () => assert.equal(COMPLETION, 5000));

test('the time of a frame counts from its first byte however it drips', async () => {
  const half = new HalfFrame(40);
  const over = begun(half);
  const drip = setInterval(() => half.note(true, false, () => assert.fail('a second time')), 5);
  assert.ok((await over) >= 39);
  clearInterval(drip);
});

test('a frame that is whole is waited for no longer, and the one behind it has a time of its own', async () => {
  const half = new HalfFrame(20);
  half.note(true, false, () => assert.fail('it is whole'));
  half.note(false, true, () => assert.fail('it is whole'));
  half.note(true, false, () => assert.fail('it is whole, too'));
  await new Promise((resolve) => half.note(true, true, resolve));
  half.stop();
});

test('a program that did not look gives a frame its time again', async () => {
  const over = begun(new HalfFrame(50, 30));
  const until = performance.now() + 150;
  while (performance.now() < until); // busy
  assert.ok((await over) >= 199);
});
