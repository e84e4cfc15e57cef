import { after, instant } from '@warren/core/base/instant';
import { type IpAddress, parseAddress } from '@warren/core/ip/address';
import { expect, test } from 'vitest';
import { PrefixLimiter } from './prefix-limiter.js';

const start = instant(0);
const ip = (text: string): IpAddress => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error('a literal');
  return address;
};

test('hosts of one /24 or /56 share a bucket, their neighbours do not', () => {
  const limiter = new PrefixLimiter({ burst: 2, perSecond: 1, prefixesMax: 100 });
  const allowed = (text: string): boolean => limiter.allow(ip(text), start);
  expect(['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.3.1'].map(allowed)).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(
    ['2001:db8:0:100::1', '2001:db8:0:1ff::1', '2001:db8:0:101::9', '2001:db8:0:200::1'].map(
      allowed,
    ),
  ).toEqual([true, true, false, true]);
  expect(limiter.size).toBe(4);
  expect(limiter.allow(ip('192.0.2.9'), after(start, 1000))).toBe(true);
});

test('the table is bounded and forgets the network that asked longest ago', () => {
  const limiter = new PrefixLimiter({ burst: 1, perSecond: 0.001, prefixesMax: 3 });
  const allowed = (n: number): boolean => limiter.allow(ip(`10.0.${n}.1`), start);
  expect([1, 2, 3].map(allowed)).toEqual([true, true, true]);
  expect(allowed(1)).toBe(false); // used again: 2 is the oldest now
  expect(allowed(4)).toBe(true);
  expect(limiter.size).toBe(3);
  expect([1, 3].map(allowed)).toEqual([false, false]);
  expect(allowed(2)).toBe(true); // was forgotten
});
