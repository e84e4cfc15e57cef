import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressFromBytes, type IpAddress } from './address.js';
import { prefixContains } from './prefix.js';
import { rangePrefixes } from './range.js';

test.each([
  ['10.0.0.5', '10.0.0.5', ['10.0.0.5/32']],
  ['10.0.0.0', '10.0.0.255', ['10.0.0.0/24']],
  ['0.0.0.0', '255.255.255.255', ['0.0.0.0/0']],
  ['10.0.0.1', '10.0.0.6', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/31', '10.0.0.6/32']],
  [
    '100.64.0.0',
    '100.115.91.255',
    [
      ...['100.64.0.0/11', '100.96.0.0/12', '100.112.0.0/15', '100.114.0.0/16'],
      ...['100.115.0.0/18', '100.115.64.0/20', '100.115.80.0/21', '100.115.88.0/22'],
    ],
  ],
  ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', ['::/0']],
  ['fd7a::1', 'fd7a::3', ['fd7a::1/128', 'fd7a::2/127']],
])('%s to %s', (first, last, prefixes) => {
  expect(rangePrefixes(first as IpAddress, last as IpAddress)).toEqual(prefixes);
});

test('a range of two families, or from high to low, is none', () => {
  expect(rangePrefixes('10.0.0.2' as IpAddress, '10.0.0.1' as IpAddress)).toBeUndefined();
  expect(rangePrefixes('10.0.0.2' as IpAddress, '::1' as IpAddress)).toBeUndefined();
});

test('exactly the addresses between the ends are inside', () => {
  const address = fc.integer({ min: 0, max: 0xffff }).map((low) => ({
    low,
    text: addressFromBytes(Uint8Array.of(10, 0, low >> 8, low & 255)),
  }));
  fc.assert(
    fc.property(address, address, address, (a, b, probe) => {
      const [first, last] = a.low <= b.low ? [a, b] : [b, a];
      const prefixes = rangePrefixes(first.text, last.text) ?? [];
      expect(prefixes.length).toBeLessThanOrEqual(32);
      const holders = prefixes.filter((prefix) => prefixContains(prefix, probe.text));
      expect(holders.length).toBe(first.low <= probe.low && probe.low <= last.low ? 1 : 0);
    }),
  );
});
