// Hashes files and fetches pages. Without hearken: echo '{"path": "README.md"}' | node tasks.mjs

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

import { NotFound, RateLimited, Unavailable, runTasks } from '../src/index.js';

async function hash(task) {
  const { path } = task.payload;
  const { size } = await stat(path).catch((error) => {
    throw new NotFound(`${path} cannot be read`, { code: 'hash.no_file', cause: error });
  });
  const sum = createHash('sha256');
  let done = 0;
  for await (const piece of createReadStream(path, { signal: task.signal })) {
    sum.update(piece);
    task.progress((done += piece.length), size, { unit: 'bytes' });
  }
  return { path, size, sha256: sum.digest('hex') };
}

async function fetchPage(task) {
  const { url } = task.payload;
  const { host } = new URL(url);
  const answer = await fetch(url, { signal: task.signal, headers: { 'Idempotency-Key': task.key } });
  if (answer.status === 429) {
    const afterMs = Number(answer.headers.get('retry-after') ?? 60) * 1000;
    throw new RateLimited(`${host} asks us to slow down`, { afterMs, dependency: host });
  }
  if (answer.status >= 500) throw new Unavailable(`${host} answers ${answer.status}`, { dependency: host });
  return { status: answer.status, body: await answer.text() };
}

runTasks({ default: hash, fetch: fetchPage }, { credits: 16 });
