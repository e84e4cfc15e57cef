import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { compileEarly } from './early-compilation.js';

test('this Node knows the flag that is for it', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  const isOld = process.versions.v8.startsWith('11.');
  expect(known).toContain(isOld ? '--interrupt-budget ' : '--invocation-count-for-turbofan ');
  compileEarly();
});

test('a V8 of another time is left as it is', () => {
  compileEarly('99.1');
  compileEarly('');
});
