import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IpAddress } from '../ip/address.js';
import { type Prefix, prefixBits, prefixContains, prefixOf } from '../ip/prefix.js';
import { numberAddress } from '../ip/range.js';
import { ownRoutes, subtractPrefixes } from './own-routes.js';

const p = (text: string): Prefix => text as Prefix;
const a = (text: string): IpAddress => text as IpAddress;
const within = (routes: readonly Prefix[], address: string): boolean =>
  routes.some((route) => prefixContains(route, a(address)));

const place = { networks: [p('203.0.113.0/28')], addresses: [a('203.0.113.5'), a('100.64.0.9')] };
const exit = [p('0.0.0.0/0'), p('::/0')];

test('a network is taken as it is announced', () => {
  expect(ownRoutes([p('192.168.1.0/24'), p('fd00::/64')], place)).toEqual([
    '192.168.1.0/24',
    'fd00::/64',
  ]);
});

test.each([
  ['9.9.9.9', true],
  ['172.32.0.1', true],
  ['2606:4700::1111', true],
  ['192.168.1.1', false],
  ['10.0.0.1', false],
  ['169.254.169.254', false],
  ['127.0.0.1', false],
  ['100.64.0.9', false],
  ['224.0.0.251', false],
  ['255.255.255.255', false],
  ['fe80::1', false],
  ['fd7a:115c:a1e0::53', false],
  ['203.0.113.6', false],
  ['203.0.113.5', true],
  ['203.0.113.17', true],
])('an exit node takes packets for %s: %s', (address, isTaken) => {
  expect(within(ownRoutes(exit, place), address)).toBe(isTaken);
});

test('an exit node that announces its network is a way into that too', () => {
  expect(within(ownRoutes([...exit, p('10.0.0.0/8')], place), '10.0.0.1')).toBe(true);
});

test('what is left of a prefix is exactly what was not taken away, in few pieces', () => {
  const address = fc.integer({ min: 0, max: 0xffff_ffff }).map((n) => numberAddress(BigInt(n), 4));
  const prefix = fc
    .tuple(address, fc.integer({ min: 0, max: 32 }))
    .map(([of, bits]) => prefixOf(of, bits));
  fc.assert(
    fc.property(prefix, fc.array(prefix, { maxLength: 6 }), address, (from, removed, probe) => {
      const left = subtractPrefixes(from, removed);
      const wanted = prefixContains(from, probe) && !within(removed, probe);
      expect(within(left, probe)).toBe(wanted);
      expect(left.length).toBeLessThanOrEqual(1 + 32 * removed.length);
      for (const piece of left) expect(prefixBits(piece)).toBeGreaterThanOrEqual(prefixBits(from));
    }),
  );
});
