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
  const fix = { effect: 'portmap' } as const;
  expect(brokenPromise(fix, cell('hard', 'easy'), direct('portmap'))).toBeNull();
  expect(brokenPromise(fix, cell('hard', 'easy'), direct('punch'))).toContain('promised portmap');
  expect(brokenPromise(fix, cell('hard', 'easy'), { actual: 'relay', method: 'relay' })).toBe(
    'promised portmap, was relay by relay',
  );
});

test.each(['portmap', 'static'] as const)(
  'of two that have a way in, promised %s, either may use what the other answers from',
  (effect) => {
    const both = cell('hard-upnp', 'hard-balancer');
    expect(brokenPromise({ effect }, both, direct('punch'))).toBeNull();
    const toOne = brokenPromise({ effect }, cell('hard', 'hard-balancer'), direct('punch'));
    expect(toOne).toBe(`promised ${effect}, was direct by punch`);
    const other = effect === 'portmap' ? 'static' : 'portmap';
    expect(brokenPromise({ effect }, both, direct(other))).not.toBeNull();
  },
);

test('behind a NAT64 everything is reached over IPv6', () => {
  const fix = { effect: 'static' } as const;
  expect(brokenPromise(fix, cell('hard', 'easy'), direct('ipv6'))).not.toBeNull();
  expect(brokenPromise(fix, cell('nat64', 'easy'), direct('ipv6'))).toBeNull();
});

test('nothing promised is never broken', () => {
  const fix = { effect: null } as const;
  expect(brokenPromise(fix, cell('hard', 'easy'), { actual: 'relay', method: 'relay' })).toBeNull();
});
