import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('../dist/heap-growth.js', import.meta.url));
/** Replaces 64 MB that live again and again, 2 MB a turn; prints the most that the heap ever was, in MB. */
const WASTE = `
  const alive = Array.from({ length: 1024 }, () => new Array(8192).fill(0.5));
  let most = 0;
  for (let i = 0; i < 400 * 32; i++) {
    alive[i % alive.length] = new Array(8192).fill(0.5);
    if (i % 32 === 0) most = Math.max(most, process.memoryUsage().heapTotal);
  }
  console.log(most >> 20);`;

function waste(start: string): number {
  const args = ['--input-type=module', '-e', `${start}${WASTE}`];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return Number.parseInt(stdout, 10);
}

test('the heap of a process that goes on making garbage stays smaller, and this V8 knows the flag', () => {
  const slowly = `import { growHeapSlowly } from ${JSON.stringify(MODULE)}; growHeapSlowly();`;
  // 408 and 168 MB under Node 20.
  expect(waste(slowly)).toBeLessThan(waste(''));
});
