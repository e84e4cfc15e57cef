import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type IpAddress, parseAddress } from '../../ip/address.js';
import { isOverlay } from '../../ip/classes.js';
import { addressesOf, addressIndex, allocateIndex, isReserved } from './addresses.js';

const none = (): boolean => false;
const indexOf = (v4: string): number =>
  addressIndex({ v4: v4 as IpAddress, v6: '::' as IpAddress });

test('the first node gets the first pair, whose ends match', () => {
  expect(allocateIndex(0, none)).toBe(1);
  expect(addressesOf(1)).toEqual({ v4: '100.64.0.1', v6: 'fd7a:115c:a1e0::1' });
  expect(addressesOf(0x0102)).toEqual({ v4: '100.64.1.2', v6: 'fd7a:115c:a1e0::102' });
});

test('every pair lies in the overlay, is canonical and leads back to its index', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 22 - 1 }), (index) => {
      const pair = addressesOf(index);
      expect(isOverlay(pair.v4) && isOverlay(pair.v6)).toBe(true);
      expect([parseAddress(pair.v4), parseAddress(pair.v6)]).toEqual([pair.v4, pair.v6]);
      expect(addressIndex(pair)).toBe(index);
    }),
  );
});

test.each([
  ['the network address', '100.64.0.0'],
  ['the broadcast address', '100.127.255.255'],
  ['MagicDNS', '100.100.100.100'],
  ['MagicDNS over IPv6, which ends in ::53', '100.64.0.83'],
  ['the first of ChromeOS', '100.115.92.0'],
  ['the last of ChromeOS', '100.115.93.255'],
])('%s is never given', (_, v4) => {
  expect(isReserved(indexOf(v4))).toBe(true);
  expect(allocateIndex(Math.max(0, indexOf(v4) - 1), none)).not.toBe(indexOf(v4));
});

test('a run across ChromeOS’s range skips exactly that range', () => {
  expect(allocateIndex(indexOf('100.115.91.254'), none)).toBe(indexOf('100.115.91.255'));
  expect(allocateIndex(indexOf('100.115.91.255'), none)).toBe(indexOf('100.115.94.0'));
});

test('what is taken is skipped, and after the end the search starts over', () => {
  const taken = new Set([indexOf('100.127.255.254'), indexOf('100.64.0.1')]);
  expect(allocateIndex(indexOf('100.127.255.253'), (index) => taken.has(index))).toBe(2);
});

test('a full range gives none instead of searching for ever', () => {
  let asked = 0;
  const full = allocateIndex(5, () => {
    asked++;
    return true;
  });
  expect(full).toBeUndefined();
  expect(asked).toBe(2 ** 22 - 4 - 512);
});
