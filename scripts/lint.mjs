/**
 * All checks of the source at once, two at a time: `npm run lint`. They are the scripts `lint:NAME` of package.json.
 * Each one's output comes whole when it ends; fails when one of them does.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const LANES = 2;

/** Gives true when the check is content. */
function check(name) {
  const startedAt = performance.now();
  const child = spawn('npm', ['run', '--silent', name], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => said.push(bytes));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      process.stdout.write(`\n$ npm run ${name}\n${Buffer.concat(said)}`);
      process.stdout.write(`(${seconds} s${code === 0 ? '' : ', FAILED'})\n`);
      resolve(code === 0);
    });
  });
}

const waiting = Object.keys(scripts).filter((name) => name.startsWith('lint:'));
let isGood = waiting.length > 0;
async function lane() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (!(await check(name))) isGood = false;
  }
}
await Promise.all(Array.from({ length: LANES }, lane));
process.exitCode = isGood ? 0 : 1;
