import { instant } from '@warren/core/base/instant';
import type { IpAddress } from '@warren/core/ip/address';
import {
  failedLookupLifetimeMs,
  lookupLifetimeMs,
  lookupPatienceMs,
  PENDING,
  RelayAddresses,
} from '@warren/core/netcheck/relay-addresses';
import { relayMap, relayNode, relayRegion } from '@warren/core/netcheck/testing/netcheck-drive';
import { expect, test } from 'vitest';

const named = relayNode(1, '', { ipv4: undefined, ipv6: undefined });
const [v4, v6] = ['198.51.100.1', '2001:db8::1'] as [IpAddress, IpAddress];

function finder(): {
  addresses: RelayAddresses;
  find: (at: number, family?: 4 | 6) => unknown;
  asked: string[];
} {
  const addresses = new RelayAddresses();
  const asked: string[] = [];
  const find = (at: number, family: 4 | 6 = 4): unknown =>
    addresses.find(named, family, instant(at), (host) => asked.push(host));
  return { addresses, find, asked };
}

test('literals of the map come first, then a literal host name', () => {
  const addresses = new RelayAddresses();
  const never = (): never => {
    throw new Error('a literal was looked up');
  };
  const find = (more: object, family: 4 | 6): unknown =>
    addresses.find(relayNode(1, '', { ipv4: undefined, ...more }), family, instant(0), never);
  expect(find({ ipv4: v4 }, 4)).toBe(v4);
  expect(find({ ipv6: null }, 6)).toBeUndefined();
  expect(find({ hostName: '198.51.100.7' }, 4)).toBe('198.51.100.7');
  expect(find({ hostName: '198.51.100.7', ipv6: undefined }, 6)).toBeUndefined();
});

test('a name is looked up once for both families and kept for ten minutes', () => {
  const { addresses, find, asked } = finder();
  expect([find(0, 4), find(0, 6)]).toEqual([PENDING, PENDING]);
  addresses.resolved(named.hostName, [v4, v6], instant(50));
  expect([find(60, 4), find(60, 6), asked.length]).toEqual([v4, v6, 1]);
  expect([find(lookupLifetimeMs - 1), asked.length]).toEqual([v4, 1]);
  // The old answer serves until the new one comes.
  expect([find(lookupLifetimeMs), asked.length]).toEqual([v4, 2]);
});

test('a failed look-up is tried again soon and takes nothing back', () => {
  const { addresses, find, asked } = finder();
  find(0);
  addresses.resolved(named.hostName, [], instant(10));
  expect([find(20), asked.length]).toEqual([undefined, 1]);
  expect([find(failedLookupLifetimeMs), asked.length]).toEqual([undefined, 2]);
  addresses.resolved(named.hostName, [v4], instant(failedLookupLifetimeMs + 10));
  find(lookupLifetimeMs + failedLookupLifetimeMs);
  addresses.resolved(named.hostName, [], instant(lookupLifetimeMs + failedLookupLifetimeMs + 10));
  expect(find(lookupLifetimeMs + failedLookupLifetimeMs + 20)).toBe(v4);
});

test('a look-up that is never answered is asked again after 10 s', () => {
  const { find, asked } = finder();
  find(0);
  find(lookupPatienceMs - 1);
  expect(asked).toHaveLength(1);
  find(lookupPatienceMs);
  expect(asked).toHaveLength(2);
});

test('answers nobody asked for are ignored, names that left the map forgotten', () => {
  const { addresses, find } = finder();
  addresses.resolved('elsewhere.example.com', [v4], instant(0));
  find(0);
  addresses.resolved(named.hostName, [v4], instant(1));
  addresses.keepOnly(relayMap(relayRegion(1, [named])));
  expect(find(2)).toBe(v4);
  addresses.keepOnly(relayMap());
  expect(find(3)).toBe(PENDING);
});
