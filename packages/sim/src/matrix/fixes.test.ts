import { expect, test } from 'vitest';
import type { MatrixCell } from './cell.js';
import { brokenPromise } from './fixes.js';
import { PROFILES } from './profiles.js';

const profile = (name: string) => {
  const found = PROFILES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no profile ${name}`);
  return found;
};
const cell = (left: string, right: string): MatrixCell => ({
  left: profile(left),
  right: profile(right),
});
const direct = (method: 'portmap' | 'punch' | 'ipv6' | 'static') =>
  ({ actual: 'direct', method }) as const;

test('a promise is kept by the method that it names', () => {
  const fix = { effect: 'portmap', where: 'self' } as const;
  expect(brokenPromise(fix, cell('hard', 'easy'), direct('portmap'))).toBeNull();
  expect(brokenPromise(fix, cell('hard', 'easy'), direct('punch'))).toContain('promised portmap');
  expect(brokenPromise(fix, cell('hard', 'easy'), { actual: 'relay', method: 'relay' })).toBe(
    'promised portmap, was relay by relay',
  );
});

test('of ports mapped on both sides the two may use those that they answer each other from', () => {
  const fix = { effect: 'portmap', where: 'both' } as const;
  expect(brokenPromise(fix, cell('hard', 'hard'), direct('punch'))).toBeNull();
  expect(brokenPromise(fix, cell('hard', 'hard'), direct('static'))).not.toBeNull();
});

test('behind a NAT64 everything is reached over IPv6', () => {
  const fix = { effect: 'static', where: 'peer' } as const;
  expect(brokenPromise(fix, cell('hard', 'easy'), direct('ipv6'))).not.toBeNull();
  expect(brokenPromise(fix, cell('nat64', 'easy'), direct('ipv6'))).toBeNull();
});

test('nothing promised is never broken', () => {
  const fix = { effect: null, where: 'self' } as const;
  expect(brokenPromise(fix, cell('hard', 'easy'), { actual: 'relay', method: 'relay' })).toBeNull();
});
