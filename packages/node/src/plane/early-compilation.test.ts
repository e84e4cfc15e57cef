import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { earlyFlag } from './early-compilation.js';

test('this Node knows the flag that is for it', () => {
  const flag = earlyFlag() ?? '';
  const [name] = flag.split('=');
  expect(execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })).toContain(
    `${name} `,
  );
  // One that it doesn't know is told on stderr.
  const quiet = execFileSync(process.execPath, [flag, '-e', '0'], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  expect(quiet).toBe('');
});

test('a V8 of another time is left as it is', () => {
  expect(earlyFlag('99.1')).toBeUndefined();
  expect(earlyFlag('')).toBeUndefined();
});
