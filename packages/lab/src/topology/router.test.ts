import { cidr, ip } from '@warren/sim/topology/literals';
import { expect, test } from 'vitest';
import { buildCommands, type SpaceCommands } from './build.js';
import { nat64Config, throughNat64 } from './nat64.js';
import { planTopology } from './plan.js';
import { carrierCustomer, outsideOf } from './router.js';
import { routerZoo } from './router-zoo.js';

const { spaces } = buildCommands(planTopology(routerZoo), 'copier');

function space(name: string): SpaceCommands {
  const found = spaces.find((candidate) => candidate.space.name === name);
  if (found === undefined) throw new Error(`no space ${name}`);
  return found;
}

function network(name: string) {
  const found = routerZoo.networks.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no network ${name}`);
  return found;
}

test('behind a carrier the public address is the carrier’s, the router has one of its LAN', () => {
  const carrier = space('cgn-carrier-hard');
  const router = space('router-carrier-hard');
  const [outside] = network('carrier-hard').addresses;
  expect(carrier.ip).toContain(`addr add ${outside}/32 dev wan\n`);
  expect(carrier.ip).toContain('addr add 100.64.0.1/24 dev br0\n');
  expect(carrier.nft).toContain('masquerade fully-random');
  expect(router.ip).toContain('addr add 100.64.0.2/24 dev wan\n');
  expect(router.ip).toContain('route add default via 100.64.0.1 dev wan\n');
  expect(router.ip).not.toContain(outside);
  expect(router.nft).not.toContain('fully-random');
  expect(outsideOf(network('carrier-hard'))).toBe('100.64.0.2');
  expect(outsideOf(network('quiet'))).toBe(network('quiet').addresses[0]);
  expect(carrierCustomer({ nat: 'easy', lan: cidr('10.9.0.0/30') })).toBe('10.9.0.2');
});

test('the outermost router sends outer endpoints back in', () => {
  expect(space('cgn-carrier-hairpin').nft).toContain('table ip hairpin');
  expect(space('router-carrier-hairpin').nft).not.toContain('table ip hairpin');
  expect(space('router-hairpin-easy').nft).toContain('table ip hairpin');
  expect(space('router-quiet').nft).not.toContain('table ip hairpin');
});

test('a LAN of IPv6 alone has no IPv4, and its router sends that to the translator', () => {
  const { ipv6 } = network('nat64');
  expect(space('behind-nat64').ip).not.toMatch(/192\.168/);
  expect(space('router-nat64').ip).toContain('route add 64:ff9b::/96 dev nat64\n');
  expect(space('router-nat64').ip).not.toMatch(/dev br0\n.*192\.168/);
  const config = nat64Config(routerZoo, network('nat64'), ip('192.168.16.1'));
  expect(config).toContain('ipv4-addr 192.168.16.1\n');
  expect(config).toMatch(/^map 192\.168\.16\.10 2a02:\S+::a$/m);
  expect(config).toContain(`ipv6-addr ${ipv6?.lan.replace('/64', '64')}\n`);
  expect(throughNat64(ip('3.210.5.10'))).toBe('64:ff9b::3.210.5.10');
});
