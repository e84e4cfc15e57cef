import { ip } from '@warren/sim/topology/literals';
import { sevenMachines } from '@warren/sim/topology/seven-machines';
import type { Network } from '@warren/sim/topology/types';
import { expect, test } from 'vitest';
import { machineFirewall, routerRules } from './nat.js';
import { natZoo } from './nat-zoo.js';

function rulesOf(name: string, topology = natZoo): string {
  const network = topology.networks.find((candidate) => candidate.name === name);
  if (network === undefined) throw new Error(`no network ${name}`);
  return routerRules(topology, network);
}

test('every router drops what comes unasked to itself, and forwards only what it must', () => {
  for (const { name } of natZoo.networks) {
    const rules = rulesOf(name);
    expect(rules).toContain('iifname "wan" drop');
    expect(rules).toContain('type filter hook forward priority filter; policy drop;');
  }
});

test('each profile has rules of its own', () => {
  const texts = natZoo.networks.map(({ name }) => rulesOf(name));
  expect(new Set(texts).size).toBe(texts.length);
});

test('an elastic IP lets strangers in only without its security group', () => {
  expect(rulesOf('one-to-one')).toMatch(/dnat to 192\.168\.\d+\.10/);
  expect(rulesOf('one-to-one-firewalled')).not.toContain('dnat to');
});

test('each balancer has a conntrack zone of its own', () => {
  const [network] = sevenMachines.networks.filter(({ balancers }) => balancers !== undefined);
  const [balancer] = network?.balancers ?? [];
  if (network === undefined || balancer === undefined)
    throw new Error('one network has a balancer');
  const two: Network = { ...network, balancers: [balancer, { ...balancer, port: 3478 }] };
  const rules = routerRules(sevenMachines, two);
  expect(rules).toContain(
    'iifname "wan" ip daddr 35.80.4.21 udp dport 41641 dnat to 10.0.3.10:41641',
  );
  expect(rules).toContain('udp dport 3478 dnat to 10.0.3.10:3478');
  expect(rules.match(/ct zone set \d/g)).toEqual([1, 1, 2, 2].map((zone) => `ct zone set ${zone}`));
});

test('a router that rejects or bans says so before it drops', () => {
  const [network] = sevenMachines.networks;
  if (network === undefined) throw new Error('there are networks');
  const plain = routerRules(sevenMachines, network);
  expect(plain).not.toMatch(/reject|banned/);
  const strict = routerRules(sevenMachines, { ...network, rejects: true, bansAfter: 20 });
  expect(strict).toMatch(/udp reject with icmp port-unreachable\n +iifname "wan" drop/);
  expect(strict).toContain('limit rate over 20/minute burst 20 packets } add @banned');
});

test('a pool is of the addresses that no balancer has', () => {
  const network = sevenMachines.networks.find(({ balancers }) => balancers !== undefined);
  const [balancer] = network?.balancers ?? [];
  if (network === undefined || balancer === undefined) throw new Error('one has a balancer');
  const own = ['5.6.7.8', '5.6.7.10'].map(ip);
  const addresses = [...own, balancer.address, ip('2a02:8109::1')];
  const rules = routerRules(sevenMachines, { ...network, nat: 'hard-pool', addresses });
  expect(rules).toContain('snat to numgen random mod 2 map { 0 : 5.6.7.8, 1 : 5.6.7.10 } fully');
});

test('only routers with port mapping have its chains', () => {
  expect(rulesOf('home-east', sevenMachines)).toContain('jump upnp_pre');
  expect(rulesOf('cloud-east', sevenMachines)).not.toContain('upnp');
});

test('the firewall of a machine leaves its tunnel alone', () => {
  expect(machineFirewall).toContain('policy accept');
  expect(machineFirewall.match(/iifname "eth0" drop/g)).toHaveLength(1);
});
