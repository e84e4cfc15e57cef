import { endpoint, parseAddress } from '@warren/core/ip/address';
import { isBetterPath, type RatedPath } from '@warren/core/paths/better-path';
import fc from 'fast-check';
import { expect, test } from 'vitest';

function rated(address: string, latencyMs: number): RatedPath {
  const ip = parseAddress(address);
  if (ip === undefined) throw new Error(`bad address ${address}`);
  return { path: { kind: 'direct', socketId: 1, remote: endpoint(ip, 41641) }, latencyMs };
}

/** Computed for Warren's protocol notes with an independent implementation of Tailscale's rules. */
const VECTORS: [string, number, string, number, boolean][] = [
  ['203.0.113.9', 100, '198.51.100.1', 101, false],
  ['203.0.113.9', 100, '198.51.100.1', 102, true],
  ['2001:db8::9', 100, '203.0.113.9', 100, true],
  ['2001:db8::9', 110, '203.0.113.9', 100, false],
  ['2001:db8::9', 120, '203.0.113.9', 100, false],
  ['192.168.1.5', 2, '203.0.113.9', 2, true],
  ['192.168.1.5', 30, '203.0.113.9', 25, true],
  ['169.254.3.4', 2, '192.168.1.5', 2, true],
  ['127.0.0.1', 1, '192.168.1.5', 1, true],
  ['100.64.0.9', 2, '203.0.113.9', 2, false],
  ['fd00::9', 3, '192.168.1.5', 3, true],
  ['203.0.113.9', 5, '203.0.113.9', 4, false],
];

test.each(VECTORS)('%s at %d ms against %s at %d ms: %s', (a, aMs, b, bMs, better) => {
  expect(isBetterPath(rated(a, aMs), rated(b, bMs))).toBe(better);
});

test('any path is better than none', () => {
  expect(isBetterPath(rated('203.0.113.9', 5000), undefined)).toBe(true);
});

test('two paths are never both better than the other, so choosing cannot flap', () => {
  const address = fc.constantFrom(...new Set(VECTORS.flatMap(([a, , b]) => [a, b])));
  const latency = fc.double({ min: 0, max: 2000, noNaN: true });
  fc.assert(
    fc.property(address, latency, address, latency, (a, aMs, b, bMs) => {
      const first = isBetterPath(rated(a, aMs), rated(b, bMs));
      const second = isBetterPath(rated(b, bMs), rated(a, aMs));
      expect(first && second).toBe(false);
    }),
  );
});
