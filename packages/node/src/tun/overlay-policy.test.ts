import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import type { Netmap } from '@warren/core/netmap/types';
import { describe, expect, test } from 'vitest';
import {
  forgetRuleLines,
  overlayPolicy,
  type PolicySources,
  policyNumbers,
  routeLines,
  ruleLines,
} from './overlay-policy.js';

const ip = (text: string): IpAddress => text as IpAddress;

/** Only what the policy reads. */
function netmapOf(peers: readonly string[], relays: readonly string[]): Netmap {
  const nodes = relays.map((address) => ({
    ipv4: address.startsWith('h') ? undefined : address,
    hostName: address,
    relayPort: 8443,
  }));
  return {
    peers: new Map(
      peers.map((address, id) => [id, { addresses: [`${address}/32`, 'fd7a:115c:a1e0::9/128'] }]),
    ),
    relayMap: { regions: new Map([[901, { nodes }]]) },
  } as unknown as Netmap;
}

function policyOf(change: Partial<PolicySources> & { addresses?: string[]; route?: string }) {
  const {
    addresses = ['100.64.7.10'],
    route = 'default via 100.64.7.1 dev eth0',
    ...rest
  } = change;
  return overlayPolicy({
    netmap: netmapOf(['100.64.0.3', '100.64.7.1'], ['203.0.113.1', '100.64.7.5', 'hub.example']),
    link: { addresses: addresses.map(ip), defaultRoute: route },
    udpPort: 41_641,
    controlUrl: 'https://100.64.7.6',
    ...rest,
  });
}

describe('the policy', () => {
  test('is needed only where our own network or gateway lies in the range of the mesh', () => {
    const home = {
      addresses: ['192.168.1.20', '2001:db8::20'],
      route: 'default via 192.168.1.1 dev eth0',
    };
    expect(policyOf(home)).toBeUndefined();
    expect(policyOf({ ...home, route: 'default via 100.64.0.1 dev eth0 onlink' })).toBeDefined();
    expect(policyOf({ ...home, addresses: ['100.127.0.9'] })).toBeDefined();
  });

  test('names all peers of IPv4, what of us lies in the range, and which servers do', () => {
    expect(policyOf({ addresses: ['100.64.7.10', '10.0.0.1', '2001:db8::1'] })).toEqual({
      peers: ['100.64.0.3', '100.64.7.1'],
      own: ['100.64.7.10'],
      udpPort: 41_641,
      servers: ['100.64.7.5:8443', '100.64.7.6:443'],
    });
  });
});

const numbers = policyNumbers('warren0');

test('what stays outside is ruled before what goes into the tunnel', () => {
  const policy = policyOf({});
  if (policy === undefined) throw new Error('there is one');
  expect(ruleLines(policy, numbers)).toEqual([
    'rule add pref 5110 from 100.64.7.10 lookup main',
    'rule add pref 5111 ipproto udp sport 41641 lookup main',
    'rule add pref 5112 to 100.64.7.5 ipproto tcp dport 8443 lookup main',
    'rule add pref 5112 to 100.64.7.6 ipproto tcp dport 443 lookup main',
    'rule add pref 5115 lookup 4164',
  ]);
  const servers: Endpoint[] = [];
  expect(ruleLines({ ...policy, udpPort: undefined, servers }, numbers)).toHaveLength(2);
});

test('rules that stand are found by our numbers alone, each as often as it stands', () => {
  const shown = [
    '0:\tfrom all lookup local',
    '5110:\tfrom 100.64.7.10 lookup main',
    '5112:\tfrom all to 100.64.7.5 ipproto tcp dport 8443 lookup main',
    '5112:\tfrom all to 100.64.7.6 ipproto tcp dport 443 lookup main',
    '5115:\tfrom all lookup 4164',
    '5125:\tfrom all lookup 4165',
    '5210:\tfrom all fwmark 0x80000/0xff0000 lookup main',
    '32766:\tfrom all lookup main',
  ].join('\n');
  expect(forgetRuleLines(shown, numbers)).toEqual([
    'rule del pref 5110',
    'rule del pref 5112',
    'rule del pref 5112',
    'rule del pref 5115',
  ]);
});

test('routes of peers that went are deleted, the others said', () => {
  expect(
    routeLines('warren0', [ip('100.64.0.1'), ip('100.64.0.2')], [ip('100.64.0.2')], numbers),
  ).toEqual([
    'route del 100.64.0.1/32 dev warren0 table 4164',
    'route replace 100.64.0.2/32 dev warren0 table 4164',
  ]);
});

test('nodes of one machine have numbers of their own', () => {
  const all = ['warren0', 'warren1', 'warren7'].map(policyNumbers);
  expect(new Set(all.map(({ table }) => table)).size).toBe(3);
  expect(new Set(all.flatMap(({ preferences }) => preferences)).size).toBe(12);
  expect(Math.max(...all.flatMap(({ preferences }) => preferences))).toBeLessThan(5_210);
  expect(policyNumbers('mesh')).toEqual(policyNumbers('warren0'));
});
