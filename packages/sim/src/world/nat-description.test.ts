import type { NatDescription } from '@warren/core/netmap/nat-description';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { describe, expect, test, vi } from 'vitest';
import { natBehaviours } from '../nat/profiles.js';
import { cidr, ip } from '../topology/literals.js';
import { type Host, NAT_PROFILES, type Network, type Topology } from '../topology/types.js';
import { SimWorld, type SimWorldOptions } from './sim-world.js';

// Seconds of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** First report and sweep, after a start within a second. */
const KNOWN_MS = 6_000;

const twoRelays: readonly Host[] = [
  { name: 'hub', region: 'east', addresses: [ip('3.210.5.10')], accessOneWayMs: 15 },
  { name: 'relay', region: 'east', addresses: [ip('3.210.6.10')], accessOneWayMs: 25 },
];
const oneRelayOfTwoAddresses: readonly Host[] = [
  {
    name: 'hub',
    region: 'east',
    addresses: [ip('3.210.5.10'), ip('3.210.5.11')],
    accessOneWayMs: 15,
  },
];

function network(nat: Network['nat'], changes: Partial<Network> = {}): Network {
  const addresses = [ip('52.41.2.10')];
  return { name: 'home', region: 'east', addresses, nat, lan: cidr('192.168.1.0/24'), ...changes };
}

/** One machine, alone with its relays. */
function worldWith(
  hosts: readonly Host[],
  networks: readonly Network[],
  at: Topology['machines'][number]['at'],
  options: Partial<SimWorldOptions> = {},
): SimWorld {
  const topology: Topology = {
    name: 'alone',
    regions: [{ name: 'east' }],
    links: [],
    hosts,
    networks,
    machines: [{ name: 'machine', at }],
  };
  return new SimWorld({ topology, seed: 3, crypto: createNodeCrypto(), ...options });
}

const inLan = { kind: 'lan', network: 'home', address: ip('192.168.1.10') } as const;

function describeAfter(world: SimWorld, ms = KNOWN_MS): NatDescription {
  expect(world.join(20_000)).toBe(true);
  world.clock.run(ms);
  const status = world.node('machine').engine?.status(world.clock.now);
  if (status === undefined) throw new Error('the machine runs');
  return status.description;
}

describe.each([
  ['two relays', twoRelays],
  ['one relay of two addresses', oneRelayOfTwoAddresses],
] as const)('with %s', (_which, hosts) => {
  const translating = NAT_PROFILES.filter((profile) => profile !== 'udp-blocked');

  test.each(translating)('the description of %s is its truth', (profile) => {
    const truth = natBehaviours[profile];
    const { class: kind, ipv4 } = describeAfter(worldWith(hosts, [network(profile)], inLan));
    expect(ipv4).toMatchObject({
      works: true,
      mapping: truth.mapping,
      portAllocation: truth.ports.kind,
      portDelta: truth.ports.kind === 'sequential' ? 1 : 0,
      hairpin: truth.mapping === 'endpoint-independent' ? false : undefined,
      tablePressure: false,
    });
    // An elastic IP lets in what comes unasked, which is more than a cone does.
    expect(ipv4.filtering).toBe(truth.exposed ? 'none' : truth.filtering);
    if (hosts.length > 1 && !truth.exposed) {
      expect(kind).toBe(truth.mapping === 'endpoint-independent' ? 'easy' : 'hard');
    }
    const { ports } = truth;
    const isFew = ports.kind === 'random' && ports.high - ports.low < 512;
    expect(ipv4.portRange !== undefined).toBe(isFew);
    if (isFew && ipv4.portRange !== undefined) {
      expect(ipv4.portRange.low).toBeGreaterThanOrEqual(ports.low);
      expect(ipv4.portRange.high).toBeLessThanOrEqual(ports.high);
    }
  });

  test('nothing is said where no UDP passes', () => {
    const world = worldWith(hosts, [network('udp-blocked')], inLan);
    const { class: kind, ipv4, cgnat } = describeAfter(world, 15_000);
    expect({ kind, cgnat }).toEqual({ kind: 'unknown', cgnat: undefined });
    expect(ipv4).toMatchObject({ works: false, mapping: undefined, filtering: undefined });
  });

  test.each([
    ['in the open', false, 'none'],
    ['behind its own firewall', true, 'address-and-port-dependent'],
  ] as const)('a public machine %s', (_where, firewalled, filtering) => {
    const addresses = [ip('52.20.10.11'), ip('2600:1f14:7:100::9')];
    const at = { kind: 'public', region: 'east', addresses, firewalled } as const;
    const { ipv4, cgnat } = describeAfter(worldWith(hosts, [], at));
    expect(ipv4).toMatchObject({ mapping: 'none', filtering, portAllocation: undefined });
    expect(cgnat).toBe(false);
  });
});

test('at 62 ms to the relays, dial-back, first report and description take less than 2 s', () => {
  const far = twoRelays.map((host) => ({ ...host, accessOneWayMs: 31 }));
  const world = worldWith(far, [network('easy')], inLan);
  expect(world.join(20_000)).toBe(true);
  const of = (): NatDescription | undefined =>
    world.node('machine').engine?.status(world.clock.now).description;
  // Joined is who has a network map, which is when measuring begins.
  const reportMs = world.clock.runUntil(() => of()?.ipv4.works === true, 2_000);
  expect(reportMs).toBeDefined();
  expect(world.clock.runUntil(() => of()?.ipv4.hairpin !== undefined, 1_000)).toBeDefined();
});

describe('beyond the profile', () => {
  test('a router that turns packets round is seen to', () => {
    const world = worldWith(twoRelays, [network('easy', { hairpin: true })], inLan);
    expect(describeAfter(world).ipv4.hairpin).toBe(true);
  });

  test('other people’s flows lengthen the step', () => {
    const busy = network('sequential', { crossTrafficPerSecond: 150 });
    const { ipv4 } = describeAfter(worldWith(twoRelays, [busy], inLan));
    expect(ipv4.portAllocation).toBe('sequential');
    expect(ipv4.portDelta).toBeGreaterThanOrEqual(2);
    expect(ipv4.portDelta).toBeLessThanOrEqual(4);
  });

  test('each family has its own description', () => {
    const ipv6 = { lan: cidr('2600:1f14:7:100::/64'), firewalled: true };
    const hosts = twoRelays.map((host, index) => ({
      ...host,
      addresses: [...host.addresses, ip(`2600:1f14:9::${index + 1}`)],
    }));
    const at = { ...inLan, ipv6: ip('2600:1f14:7:100::9') };
    const described = describeAfter(worldWith(hosts, [network('hard', { ipv6 })], at));
    expect(described.ipv4.mapping).toBe('address-and-port-dependent');
    expect(described.ipv6).toMatchObject({
      works: true,
      mapping: 'none',
      filtering: 'address-and-port-dependent',
    });
  });

  test('a network of IPv6 alone that translates is seen to', () => {
    const ipv6 = { lan: cidr('2600:1f14:7:100::/64'), firewalled: true };
    const hosts = twoRelays.map((host, index) => ({
      ...host,
      addresses: [...host.addresses, ip(`2600:1f14:9::${index + 1}`)],
    }));
    const at = { ...inLan, ipv6: ip('2600:1f14:7:100::9') };
    const world = worldWith(hosts, [network('easy', { ipv6, nat64: true })], at);
    const described = describeAfter(world, 15_000);
    expect(described.nat64).toBe('64:ff9b::');
    expect(described.ipv4.works).toBe(false);
    expect(described.ipv6.mapping).toBe('none');
  });

  test('how long idle mappings last is found out in the background', () => {
    const topology = network('easy');
    const world = worldWith(twoRelays, [topology], inLan);
    expect(describeAfter(world, 120_000).ipv4.lifetimeMs).toBeGreaterThanOrEqual(15_000);
    world.clock.run(30 * 60_000);
    const at = world.node('machine').engine?.status(world.clock.now).description;
    const { repliedMs } = natBehaviours.easy.lifetime;
    expect(at?.ipv4.lifetimeMs).toBeLessThanOrEqual(repliedMs);
    expect(at?.ipv4.lifetimeMs).toBeGreaterThanOrEqual(repliedMs * 0.8);
  });

  test('a table that a dozen flows fill is noticed by those who share it, and by nobody where it has room', () => {
    const variations = new Map([['home', 'tiny-table']] as const);
    const names = ['ann', 'bob', 'cid', 'dan'];
    const topology: Topology = {
      ...{ name: 'crowded', regions: [{ name: 'east' }], links: [], hosts: twoRelays },
      networks: [network('easy')],
      machines: names.map((name, index) => ({
        name,
        at: { kind: 'lan', network: 'home', address: ip(`192.168.1.${10 + index}`) },
      })),
    };
    const told = (options: Partial<SimWorldOptions>) => {
      const world = new SimWorld({ topology, seed: 3, crypto: createNodeCrypto(), ...options });
      world.join(20_000);
      world.clock.run(120_000);
      return names.map((name) => {
        const { ipv4 } = world.node(name).engine?.status(world.clock.now).description ?? {};
        return { works: ipv4?.works, tablePressure: ipv4?.tablePressure };
      });
    };
    const crowded = told({ variations });
    expect(crowded).toContainEqual({ works: true, tablePressure: true });
    // Who got no flow at all can't tell why.
    expect(crowded).not.toContainEqual({ works: false, tablePressure: true });
    expect(told({})).toEqual(names.map(() => ({ works: true, tablePressure: false })));
  });

  test('another network is described anew', () => {
    const other = { ...network('hard'), name: 'other', addresses: [ip('52.41.2.11')] };
    const world = worldWith(twoRelays, [network('full-cone'), other], inLan);
    expect(describeAfter(world).ipv4.filtering).toBe('endpoint-independent');
    const node = world.node('machine');
    node.move(world.plug('machine', { ...inLan, network: 'other' }));
    const at = (): NatDescription | undefined => node.engine?.status(world.clock.now).description;
    expect(at()?.ipv4).toMatchObject({ works: false, filtering: undefined });
    world.clock.run(KNOWN_MS);
    expect(at()?.ipv4).toMatchObject({
      mapping: 'address-and-port-dependent',
      filtering: 'address-and-port-dependent',
    });
  });
});
