import { cidr, ip } from '@warren/sim/topology/literals';
import type { Network, Topology } from '@warren/sim/topology/types';
import { expect, test } from 'vitest';
import { LabError } from '../errors.js';
import { routerZoo } from './router-zoo.js';
import { checkTopology } from './validate.js';

const LAN = cidr('192.168.11.0/24');

/** What is wrong with a network of one machine. */
function refusal(change: Partial<Network>, ipv6?: string): string {
  const network: Network = {
    name: 'home',
    region: 'town',
    addresses: [ip('5.6.7.8'), ip('5.6.7.9')],
    nat: 'easy',
    lan: LAN,
    ...change,
  };
  const at = { kind: 'lan', network: 'home', address: ip('192.168.11.10') } as const;
  const topology: Topology = {
    name: 'one-home',
    regions: [{ name: 'town' }],
    links: [],
    hosts: [],
    networks: [network],
    machines: [{ name: 'm', at: ipv6 === undefined ? at : { ...at, ipv6: ip(ipv6) } }],
  };
  try {
    checkTopology(topology);
  } catch (error) {
    if (error instanceof LabError && error.code === 'LAB_TOPOLOGY') return error.message;
    throw error;
  }
  return 'accepted';
}

const ipv6 = { lan: cidr('2a02:8109:b511:1::/64'), firewalled: true };
const balancers = [{ address: ip('5.6.7.9'), port: 41_641, machine: 'm' }];

test('the zoo of routers can be built', () => {
  expect(() => checkTopology(routerZoo)).not.toThrow();
});

test('a carrier has a private prefix of its own', () => {
  const behind = (lan: string, change: Partial<Network> = {}): string =>
    refusal({ carrier: { nat: 'hard', lan: cidr(lan) }, ...change });
  expect(behind('100.64.0.0/24')).toBe('accepted');
  expect(behind('10.9.0.0/30')).toBe('accepted');
  expect(behind('100.64.0.0/31')).toMatch(/not an IPv4 prefix of \/30/);
  expect(behind('fd00::/64')).toMatch(/not an IPv4 prefix/);
  expect(behind('8.8.8.0/24')).toMatch(/is public/);
  expect(behind('192.168.0.0/16')).toMatch(/have the same prefix/);
  expect(behind('100.64.0.0/24', { balancers })).toMatch(/balancer behind a carrier/);
});

test('where NAT64 is, every machine has IPv6, and nothing is for IPv4 alone', () => {
  const nat64 = true;
  expect(refusal({ nat64, ipv6 }, '2a02:8109:b511:1::a')).toBe('accepted');
  expect(refusal({ nat64 })).toMatch(/has NAT64, but no IPv6/);
  expect(refusal({ nat64, ipv6 })).toMatch(/m has no address at all/);
  const rich = { nat64, ipv6, balancers, portMapping: true, hairpin: true };
  expect(refusal(rich, '2a02:8109:b511:1::a')).toMatch(/a balancer, port mapping, hairpin/);
});

test('a liar tells an address that could be true', () => {
  const tells = (address: string): string =>
    refusal({ portMapping: { protocols: ['pcp'], tells: ip(address) } });
  expect(tells('5.6.7.10')).toBe('accepted');
  expect(tells('10.0.0.1')).toMatch(/can't tell 10\.0\.0\.1/);
  expect(tells('2600::1')).toMatch(/can't tell/);
});

test('others open flows at a rate that one process can keep up', () => {
  expect(refusal({ crossTrafficPerSecond: 200 })).toBe('accepted');
  expect(refusal({ crossTrafficPerSecond: 1001 })).toMatch(/not 0 to 1000 flows/);
  expect(refusal({ crossTrafficPerSecond: Number.NaN })).toMatch(/not 0 to 1000/);
});

test('a router bans after some packets, and not after a fraction of one', () => {
  expect(refusal({ bansAfter: 20 })).toBe('accepted');
  for (const bansAfter of [0, 1.5, 1001]) expect(refusal({ bansAfter })).toMatch(/bans after/);
});
