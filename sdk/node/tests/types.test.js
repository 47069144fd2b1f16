/** The types say what the package exports. `tsc` itself is not needed for the tests. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import * as exported from '../src/index.js';

const declared = readFileSync(new URL('../src/index.d.ts', import.meta.url), 'utf8');

test('every export is declared, and nothing else', () => {
  const names = [...declared.matchAll(/^export (?:class|function|const) (\w+)|^export \{ \w+ as (\w+) \}/gm)].map(([, name, alias]) => name ?? alias);
  assert.deepEqual(names.sort(), Object.keys(exported).sort());
});

test('what a class declares it has', () => {
  for (const name of ['Worker', 'Task']) {
    const body = declared.split(`export class ${name} `)[1].split('\n}')[0];
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, member]) => member).filter((member) => member !== 'constructor');
    assert.ok(members.length > 10);
    for (const member of members) {
      const has = member in exported[name].prototype || (name === 'Task' && member === 'worker');
      assert.ok(has, `${name}.${member}`);
    }
  }
});
