/**
 * node-headers.mjs [DIRECTORY...]: prints the first directory whose include/node has the headers of the Node.js
 * that runs this, for packages that compile; by default the one that this Node.js is installed in. Exit 1: none.
 *
 * Without them node-gyp downloads headers, which not every machine can.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

const prefix = dirname(dirname(realpathSync(process.execPath)));
const candidates = process.argv.length > 2 ? process.argv.slice(2) : [prefix];

function versionOf(directory) {
  try {
    const text = readFileSync(join(directory, 'include/node/node_version.h'), 'utf8');
    const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
    return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
  } catch {
    return undefined;
  }
}

const found = candidates.find((directory) => versionOf(directory) === process.version);
if (found === undefined) process.exit(1);
console.log(found);
