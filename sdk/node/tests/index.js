/** All tests. From Node 21 on `node --test tests/` takes the directory for a module, which is this one. */

import { readdirSync } from 'node:fs';

for (const name of readdirSync(new URL('.', import.meta.url))) {
  if (name.endsWith('.test.js')) await import(`./${name}`);
}
