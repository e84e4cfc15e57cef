import { expect, test } from 'vitest';
import type { IpAddress } from '../ip/address.js';
import { carrierGradeNat } from './carrier-nat.js';

test.each([
  ['our own address is the public one', ['203.0.113.9'], '203.0.113.9', undefined, false],
  ['our own address is a carrier’s', ['100.72.3.4'], '203.0.113.9', undefined, true],
  ['a carrier’s, and nobody heard', ['100.72.3.4'], undefined, undefined, true],
  ['the router has a carrier’s', ['192.168.1.5'], '203.0.113.9', '100.72.3.4', true],
  ['the router has the public one', ['192.168.1.5'], '203.0.113.9', '203.0.113.9', false],
  ['the router has another public one', ['192.168.1.5'], '203.0.113.9', '198.51.100.7', true],
  ['the servers are on its own network', ['10.0.0.5'], '192.168.0.2', '192.168.0.2', undefined],
  ['the router is behind a router', ['192.168.1.5'], '203.0.113.9', '192.168.0.2', undefined],
  ['the router does not say', ['192.168.1.5'], '203.0.113.9', undefined, undefined],
  ['nothing is known', [], undefined, undefined, undefined],
  ['the tunnel’s IPv6 is no carrier’s', ['fd7a:115c:a1e0::5'], undefined, undefined, undefined],
] as const)('%s', (_case, local, mapped, external, expected) => {
  const evidence = { localAddresses: local, mapped, external } as unknown as {
    localAddresses: IpAddress[];
    mapped: IpAddress | undefined;
    external: IpAddress | undefined;
  };
  expect(carrierGradeNat(evidence)).toBe(expected);
});
