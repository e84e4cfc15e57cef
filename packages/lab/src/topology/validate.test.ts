import { cidr, ip } from '@warren/sim/topology/literals';
import { sevenMachines } from '@warren/sim/topology/seven-machines';
import type { Topology } from '@warren/sim/topology/types';
import { expect, test } from 'vitest';
import { LabError } from '../errors.js';
import { fourMachines } from './four-machines.js';
import { natZoo } from './nat-zoo.js';
import { checkTopology } from './validate.js';

function refusal(change: Partial<Topology>): string {
  try {
    checkTopology({ ...fourMachines, ...change });
  } catch (error) {
    if (error instanceof LabError && error.code === 'LAB_TOPOLOGY') return error.message;
    throw error;
  }
  return 'accepted';
}

const [host] = fourMachines.hosts;
const [network] = fourMachines.networks;
const [machine] = fourMachines.machines;
if (!host || !network || !machine) throw new Error('the four machines have one of each');

test('the topologies of this package can be built', () => {
  expect(() => checkTopology(sevenMachines)).not.toThrow();
  expect(() => checkTopology(fourMachines)).not.toThrow();
  expect(() => checkTopology(natZoo)).not.toThrow();
});

test('names are plain and used once', () => {
  expect(refusal({ hosts: [{ ...host, name: 'a; reboot' }] })).toMatch(/is no name/);
  expect(refusal({ hosts: [{ ...host, name: 'x'.repeat(32) }] })).toMatch(/is no name/);
  for (const name of ['world', 'delay', 'inet-east', 'router-home-east']) {
    expect(refusal({ hosts: [{ ...host, name }] })).toMatch(/one of the lab's own/);
  }
  expect(refusal({ hosts: [host, host] })).toMatch(/"hub" is used twice/);
  expect(refusal({ hosts: [{ ...host, name: machine.name }] })).toMatch(/used twice/);
});

test('WAN addresses are public and used once', () => {
  for (const reserved of ['10.1.2.3', '100.64.0.5', '192.0.2.1', '203.0.113.9', '224.0.0.1']) {
    expect(refusal({ hosts: [{ ...host, addresses: [ip(reserved)] }] })).toMatch(/is reserved/);
  }
  expect(refusal({ hosts: [{ ...host, addresses: [ip('2600::1')] }] })).toBe('accepted');
  expect(refusal({ hosts: [{ ...host, addresses: [ip('fd00::1')] }] })).toMatch(/reserved/);
  expect(refusal({ hosts: [{ ...host, addresses: [] }] })).toMatch(/no public address/);
  expect(refusal({ hosts: [host, { ...host, name: 'other' }] })).toMatch(
    /3\.210\.5\.10 is used twice/,
  );
});

test('places lie in regions and networks that exist', () => {
  expect(refusal({ hosts: [{ ...host, region: 'north' }] })).toMatch(
    /"north", which does not exist/,
  );
  expect(refusal({ networks: [] })).toMatch(/"home-east", which does not exist/);
});

test('machines have free addresses of their LAN', () => {
  const at = (address: string): Topology['machines'] => [
    { name: 'm', at: { kind: 'lan', network: network.name, address: ip(address) } },
  ];
  expect(refusal({ machines: at('192.168.11.20') })).toBe('accepted');
  expect(refusal({ machines: at('192.168.99.20') })).toMatch(/is not in 192\.168\.11\.0\/24/);
  expect(refusal({ machines: at('192.168.11.1') })).toMatch(/is not free/);
  expect(
    refusal({
      machines: [...at('192.168.11.20'), ...at('192.168.11.20').map((m) => ({ ...m, name: 'n' }))],
    }),
  ).toMatch(/two machines/);
  expect(refusal({ networks: [{ ...network, lan: cidr('192.168.11.0/30') }] })).toMatch(/\/24/);
});

test('every two regions have one link with a sane delay', () => {
  expect(refusal({ links: [] })).toMatch(/east and west have no link/);
  const [link] = fourMachines.links;
  if (!link) throw new Error('there is a link');
  expect(refusal({ links: [link, { ...link, between: ['west', 'east'] }] })).toMatch(
    /linked twice/,
  );
  expect(refusal({ links: [{ ...link, between: ['east', 'east'] }] })).toMatch(/not two regions/);
  expect(refusal({ links: [{ ...link, oneWayMs: Number.NaN }] })).toMatch(/delay/);
  expect(refusal({ hosts: [{ ...host, accessOneWayMs: -1 }] })).toMatch(/delay of hub/);
});

test('a balancer has an address beside the NAT, a port, and a machine of its LAN', () => {
  const behind = ip('192.168.11.20');
  const member = {
    name: 'm',
    at: { kind: 'lan', network: network.name, address: behind },
  } as const;
  const balanced = (change: object): string =>
    refusal({
      networks: [
        {
          ...network,
          addresses: [ip('5.6.7.8'), ip('5.6.7.9')],
          balancers: [{ address: ip('5.6.7.9'), port: 41_641, machine: 'm', ...change }],
        },
      ],
      machines: [member],
    });
  expect(balanced({})).toBe('accepted');
  expect(balanced({ address: ip('5.6.7.8') })).toMatch(/none of its further addresses/);
  expect(balanced({ port: 0 })).toMatch(/has no UDP port/);
  expect(balanced({ port: 65_536 })).toMatch(/has no UDP port/);
  expect(balanced({ machine: 'hub' })).toMatch(/"hub", which is not in its LAN/);
});

test('an elastic IP stands for one machine', () => {
  const members = ['m', 'n'].map((name, index) => ({
    name,
    at: { kind: 'lan', network: network.name, address: ip(`192.168.11.${20 + index}`) } as const,
  }));
  const networks = [{ ...network, nat: 'one-to-one' as const }];
  expect(refusal({ networks, machines: members.slice(0, 1) })).toBe('accepted');
  expect(refusal({ networks, machines: members })).toMatch(/its LAN has one machine, not 2/);
});
