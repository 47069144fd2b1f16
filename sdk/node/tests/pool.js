/** A worker of a pool in this process, with the test as its supervisor. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Handlers } from '../src/tasks/handlers.js';
import { TaskLoop } from '../src/tasks/loop.js';
import { serve } from '../src/tasks/run.js';
import { Worker } from '../src/worker.js';
import { TASK, pair } from './peer.js';

/** What an `ack` is of. */
export const RESULT = 7;
export const ERROR = 8;
export const SNOOZE = 11;

/** Runs `body(peer, served, worker, hello)` against a worker with these handlers; `served` is its whole life. */
export function tasks(name, handlers, body, { credits = 1, maxFrame = 1 << 20 } = {}) {
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

export function task(peer, fields = {}) {
  peer.say('task', { ...TASK, ...fields });
}

export async function accepted(peer, handle = 1) {
  assert.deepEqual(await peer.expect('accepted'), { handle });
}
