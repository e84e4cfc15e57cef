import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { expect, test } from 'vitest';
import { buildCommands } from './build.js';
import { dualStack } from './dual-stack.js';
import { fourMachines } from './four-machines.js';
import { planTopology } from './plan.js';
import { checkTopology } from './validate.js';

function commandsOf(topology: Topology, name: string) {
  const found = buildCommands(planTopology(topology), 'copier').spaces.find(
    ({ space }) => space.name === name,
  );
  if (found === undefined) throw new Error(`no space ${name}`);
  return found;
}

test('a hub routes addresses and LANs of both families, near and far', () => {
  const town = commandsOf(dualStack, 'inet-town').ip;
  expect(town).toContain('route add 3.210.5.10/32 dev p1\n');
  expect(town).toContain('route add 2a02:8109:b510::10/128 via fe80::2 dev p1\n');
  expect(town).toContain('route add 2a02:8109:b511:1::/64 via fe80::2 dev p2\n');
  expect(town).toMatch(/route add 2a02:8109:b512:1::\/64 via fe80::2 dev t\d+\n/);
  const city = commandsOf(dualStack, 'inet-city').ip;
  expect(city).toMatch(/addr add fe80::2\/64 dev t\d+ nodad\n/);
  expect(city).toMatch(/route add 2a02:8109:b513::6\/128 via fe80::1 dev t\d+\n/);
});

test('a router has the first address of its /64 and passes IPv6 untranslated', () => {
  const router = commandsOf(dualStack, 'router-home-left');
  expect(router.ip).toContain('addr add 2a02:8109:b511:1::1/64 dev br0 nodad\n');
  expect(router.ip).toContain('route add ::/0 via fe80::1 dev wan\n');
  expect(router.sysctls).toContainEqual(['net/ipv6/conf/all/forwarding', '1']);
  expect(router.nft).toContain('table ip nat');
  expect(router.nft).not.toContain('meta nfproto ipv6 accept');
  expect(commandsOf(dualStack, 'left').ip).toContain(
    'route add ::/0 via 2a02:8109:b511:1::1 dev eth0 src 2a02:8109:b511:1::a\n',
  );
});

test('without a firewall all of IPv6 passes', () => {
  const [left, right] = dualStack.networks;
  if (left?.ipv6 === undefined || right === undefined) throw new Error('there are two networks');
  const open = { ...left, ipv6: { ...left.ipv6, firewalled: false } };
  const topology = { ...dualStack, networks: [open, right] };
  expect(commandsOf(topology, 'router-home-left').nft).toContain('meta nfproto ipv6 accept');
});

test('a machine with IPv6 alone has no way to IPv4', () => {
  const six = commandsOf(dualStack, 'six').ip;
  expect(six).not.toMatch(/169\.254|default/);
  expect(six).toContain('route add ::/0 via fe80::1 dev eth0 src 2a02:8109:b513::6\n');
});

test('a world without IPv6 is built without it', () => {
  for (const { ip: commands, sysctls } of buildCommands(planTopology(fourMachines), 'copier')
    .spaces) {
    expect(commands).not.toMatch(/fe80|::/);
    expect(sysctls.some(([path]) => path.includes('ipv6/conf'))).toBe(false);
  }
});

function refusal(change: Partial<Topology>): string {
  try {
    checkTopology({ ...dualStack, ...change });
    return 'accepted';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('IPv6 that cannot be built is refused', () => {
  expect(refusal({})).toBe('accepted');
  const [left] = dualStack.networks;
  const [machine] = dualStack.machines;
  if (left === undefined || machine?.at.kind !== 'lan') throw new Error('left is there');
  const { at } = machine;
  const only = (network: typeof left, ipv6 = ip('2a02:8109:b511:1::a')) =>
    refusal({ networks: [network], machines: [{ ...machine, at: { ...at, ipv6 } }] });
  expect(only(left)).toBe('accepted');
  expect(only({ ...left, addresses: [ip('2a02:8109:b5::1')] })).toMatch(/NAT .* needs an IPv4/);
  const lan = (prefix: string) => ({ ...left, ipv6: { lan: cidr(prefix), firewalled: true } });
  expect(only(lan('2a02:8109:b511::/56'))).toMatch(/not a \/64/);
  expect(only(lan('fd00:0:0:1::/64'))).toMatch(/reserved/);
  expect(only(lan('2001:db8:0:1::/64'))).toMatch(/reserved/);
  expect(only(lan('2a02:8109:b511:2::/64'))).toMatch(/not in an IPv6 prefix/);
  expect(only(left, ip('2a02:8109:b511:1::1'))).toMatch(/not free/);
  const twice = { name: 'twin', at: { ...at, address: ip('192.168.11.11') } };
  expect(refusal({ networks: [left], machines: [machine, twice] })).toMatch(/used twice/);
});
