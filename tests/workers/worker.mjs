// What `hearken worker-check` asks of a worker, in JavaScript: the task types echo, fail, slow and large.

import { setTimeout } from 'node:timers/promises';

import { Invalid, runTasks } from '../../sdk/node/src/index.js';

runTasks(
  {
    echo: (task) => task.payload,
    fail: () => {
      throw new Invalid('as the task asks for', { code: 'check.asked' });
    },
    slow: (task) => setTimeout(task.payload, task.payload, { signal: task.signal }),
    large: () => Buffer.alloc(96 * 16 * 1024, '0123456789abcdef'),
  },
  { credits: 2 },
);
