/**
 * A small random world: a region or two, a hub and perhaps another relay, two to four machines behind random
 * NATs (or none), and spare networks to roam to. Some networks have IPv6 (or nothing else), a carrier's NAT in
 * front, a port mapping server, hairpin, or others' traffic.
 */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { type NatVariation, natVariations } from '../nat/profiles.js';
import { cidr, ip } from '../topology/literals.js';
import {
  type Attachment,
  type Host,
  type Machine,
  NAT_PROFILES,
  type NatProfile,
  type Network,
  PORT_MAPPING_PROTOCOLS,
  type PortMappingService,
  type PublicAttachment,
  type Topology,
} from '../topology/types.js';
import { chance, pick, weighted } from './choose.js';

/** Home routers and cloud gateways are what most machines are behind; the rest share the rest. */
const USUAL: readonly NatProfile[] = ['easy', 'easy', 'hard'];
const VARIATIONS = Object.keys(natVariations) as NatVariation[];

export interface RandomWorld {
  readonly topology: Topology;
  readonly variations: ReadonlyMap<string, NatVariation>;
  /** Where machines may go; each place is used once. */
  readonly spares: Attachment[];
}

export function randomWorld(random: SeededRandom): RandomWorld {
  const maker = new Maker(random);
  const machineCount = weighted(random, [
    [2, 6],
    [3, 3],
    [4, 1],
  ]);
  const machines: Machine[] = [];
  for (let i = 0; i < machineCount; i++) {
    machines.push({ name: `m${i}`, at: maker.place() });
  }
  const spares = [maker.place(), maker.place(), maker.place()];
  const { networks, variations } = maker;
  const hosts: Host[] = [{ name: 'hub', ...maker.publicPlace(15) }];
  if (chance(random, 0.4)) hosts.push({ name: 'relay', ...maker.publicPlace(15) });
  const topology = {
    name: 'random',
    regions: maker.regions.map((name) => ({ name })),
    links: [{ between: ['east', 'west'] as const, oneWayMs: 10 + random.below(90) }],
    hosts,
    networks,
    machines,
  };
  return { topology, variations, spares };
}

class Maker {
  readonly regions = ['east', 'west'];
  readonly networks: Network[] = [];
  readonly variations = new Map<string, NatVariation>();
  readonly #random: SeededRandom;
  #addresses = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  publicPlace(accessMs: number): PublicAttachment {
    const index = ++this.#addresses;
    const addresses = [ip(`52.0.${index >> 8}.${index & 255}`)];
    return {
      region: pick(this.#random, this.regions),
      addresses: chance(this.#random, 0.3)
        ? [...addresses, ip(`2600:1f18::${index.toString(16)}`)]
        : addresses,
      accessOneWayMs: accessMs,
    };
  }

  /** Somewhere to plug a machine in. */
  place(): Attachment {
    const random = this.#random;
    const [last] = this.networks.slice(-1);
    if (last !== undefined && chance(random, 0.15)) return this.#inside(last);
    if (chance(random, 0.2)) {
      return {
        kind: 'public',
        firewalled: chance(random, 0.5),
        ...this.publicPlace(random.below(20)),
      };
    }
    return this.#inside(this.#network());
  }

  #inside(network: Network): Attachment {
    const index = ++this.#addresses;
    const [a, b, c] = network.lan.split('.');
    const at = {
      kind: 'lan',
      network: network.name,
      address: ip(`${a}.${b}.${c}.${2 + (index % 250)}`),
    } as const;
    if (network.ipv6 === undefined) return at;
    const [prefix] = network.ipv6.lan.split('/');
    return { ...at, ipv6: ip(`${prefix}${(16 + index).toString(16)}`) };
  }

  /** What few networks have, drawn from a stream of its own so that it can grow. */
  #extras(index: number): Partial<Network> {
    const random = this.#random.fork();
    const isCarried = chance(random, 0.12);
    const isIpv6Only = chance(random, 0.06);
    const hasIpv6 = isIpv6Only || chance(random, 0.25);
    const ipv6 = { lan: cidr(`2a02:8109:${index + 1}::/64`), firewalled: chance(random, 0.8) };
    return {
      ...(isCarried
        ? { carrier: { nat: pick(random, USUAL), lan: cidr(`100.${64 + index}.0.0/24`) } }
        : {}),
      ...(hasIpv6 ? { ipv6 } : {}),
      ...(isIpv6Only ? { nat64: true } : {}),
      ...(chance(random, 0.15) ? { portMapping: portMappingService(random) } : {}),
      ...(chance(random, 0.05) ? { hairpin: true } : {}),
      ...(chance(random, 0.1) ? { crossTrafficPerSecond: 1 + random.below(20) } : {}),
    };
  }

  #network(): Network {
    const random = this.#random;
    const index = this.networks.length;
    const name = `net${index}`;
    const { region, accessOneWayMs = 0 } = this.publicPlace(random.below(20));
    const network: Network = {
      name,
      region,
      accessOneWayMs,
      addresses: [ip(`54.1.${index}.${1 + random.below(250)}`)],
      nat: pick(random, chance(random, 0.5) ? USUAL : NAT_PROFILES),
      // Overlapping private prefixes are usual: half of the world's homes are 192.168.1.0/24.
      lan: chance(random, 0.5) ? cidr('192.168.1.0/24') : cidr(`10.0.${index}.0/24`),
      ...this.#extras(index),
    };
    this.networks.push(network);
    if (chance(random, 0.2)) this.variations.set(name, pick(random, VARIATIONS));
    return network;
  }
}

/** All three protocols or one; a few grant mappings that don't work, or tell somebody else's address. */
function portMappingService(random: SeededRandom): PortMappingService {
  const protocols = chance(random, 0.5)
    ? PORT_MAPPING_PROTOCOLS
    : [pick(random, PORT_MAPPING_PROTOCOLS)];
  if (chance(random, 0.1)) return { protocols, dead: true };
  return chance(random, 0.1) ? { protocols, tells: ip('98.7.6.5') } : { protocols };
}
