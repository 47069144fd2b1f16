// Counts to a hundred, says so, and stops when told to.

import { run } from '../src/index.js';

run(async (worker) => {
  worker.ready();
  for (let done = 0; done <= 100; done++) {
    worker.progress(done, 100, { unit: 'steps' });
    if (await worker.wait(100)) return;
  }
});
