import { instant } from '@warren/core/base/instant';
import { expect, test } from 'vitest';
import { SourceLimits } from './source-limits.js';

const now = instant(0);

test('one source starts 64 handshakes at a time, another isn’t affected', () => {
  const limits = new SourceLimits();
  const open = Array.from({ length: 100 }, () => limits.admit('192.0.2.1', now));
  expect(open.filter((done) => done !== undefined)).toHaveLength(64);
  expect(limits.admit('192.0.2.2', now)).toBeDefined();
  open[0]?.();
  open[0]?.();
  expect(limits.admit('192.0.2.1', now)).toBeDefined();
  expect(limits.admit('192.0.2.1', now)).toBeUndefined();
});

test('a burst is borne, a flood is slowed to 20 a second', () => {
  const limits = new SourceLimits();
  const starts = (at: number, tries: number): number => {
    let admitted = 0;
    for (let i = 0; i < tries; i++) {
      const done = limits.admit('192.0.2.1', instant(at));
      if (done !== undefined) admitted++;
      done?.();
    }
    return admitted;
  };
  expect(starts(0, 1000)).toBe(200);
  expect(starts(1000, 1000)).toBe(20);
  expect(starts(60_000, 1000)).toBe(200);
});

test('IPv6 counts by /64, a mapped address by its IPv4', () => {
  const limits = new SourceLimits();
  for (let i = 0; i < 64; i++) limits.admit(`2001:db8::${i.toString(16)}`, now);
  expect(limits.admit('2001:db8::ffff', now)).toBeUndefined();
  expect(limits.admit('2001:db8:0:1::1', now)).toBeDefined();
  for (let i = 0; i < 64; i++) limits.admit('::ffff:192.0.2.9', now);
  expect(limits.admit('192.0.2.9', now)).toBeUndefined();
});

test('thousands of sources are remembered only as far as the limit, and all still served', () => {
  const limits = new SourceLimits();
  for (let i = 0; i < 20_000; i++) {
    const done = limits.admit(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, now);
    expect(done).toBeDefined();
    done?.();
  }
});
