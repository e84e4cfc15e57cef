/**
 * A world for looking at what routers do beside translating: carriers' NATs in front of them, NAT64, hairpin,
 * and others who use up ports. A machine `behind-NETWORK` each, a second one `beside-NETWORK` where routers do
 * hairpin, and a server with the two addresses of each family that NAT discovery needs. No delays.
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Machine, NatProfile, Network, Topology } from '@warren/sim/topology/types';

/** New flows a second of others behind the busy router. */
export const BUSY_PER_SECOND = 100;

/** Packets of a source within a minute that the banning router bears. */
export const BANS_AFTER = 20;

/** NATs with a mapping that hairpin can use. */
export const HAIRPIN_PROFILES = [
  'easy',
  'easy-range',
  'full-cone',
  'restricted-cone',
  'cone-other-ports',
] as const satisfies readonly NatProfile[];

type Kind = Partial<Network> & Pick<Network, 'nat'>;

const behindCarrier = (nat: NatProfile, carrier: NatProfile): Kind => {
  return { nat, carrier: { nat: carrier, lan: cidr('100.64.0.0/24') } };
};

const kinds: Readonly<Record<string, Kind>> = {
  'carrier-easy': behindCarrier('easy', 'easy'),
  'carrier-hard': behindCarrier('easy', 'hard'),
  'carrier-cone': behindCarrier('easy', 'full-cone'),
  'carrier-cones': behindCarrier('full-cone', 'full-cone'),
  'carrier-sequential': behindCarrier('easy', 'sequential'),
  'carrier-hairpin': { ...behindCarrier('easy', 'easy'), hairpin: true },
  nat64: { nat: 'easy', nat64: true },
  'nat64-cone': { nat: 'restricted-cone', nat64: true },
  'nat64-hard': { nat: 'hard', nat64: true },
  busy: { nat: 'sequential', crossTrafficPerSecond: BUSY_PER_SECOND },
  quiet: { nat: 'sequential' },
  rejecting: { nat: 'easy', rejects: true },
  banning: { nat: 'easy', bansAfter: BANS_AFTER },
  ...Object.fromEntries(HAIRPIN_PROFILES.map((nat) => [`hairpin-${nat}`, { nat, hairpin: true }])),
};

const isIpv6Only = ({ nat64 }: Kind): boolean => nat64 === true;

/** Where a network's addresses start. */
const networks: Network[] = Object.entries(kinds).map(([name, kind], index) => ({
  name,
  region: 'zoo',
  addresses: [ip(`52.41.2.${10 + index}`)],
  lan: cidr(`192.168.${10 + index}.0/24`),
  ...(isIpv6Only(kind)
    ? { ipv6: { lan: cidr(`2a02:8109:b5${20 + index}:1::/64`), firewalled: true } }
    : {}),
  ...kind,
}));

function machine(role: 'behind' | 'beside', network: Network, index: number): Machine {
  const host = role === 'behind' ? 10 : 11;
  return {
    name: `${role}-${network.name}`,
    at: {
      kind: 'lan',
      network: network.name,
      address: ip(`192.168.${10 + index}.${host}`),
      ...(network.ipv6 === undefined
        ? {}
        : { ipv6: ip(`2a02:8109:b5${20 + index}:1::${host.toString(16)}`) }),
    },
  };
}

export const routerZoo: Topology = {
  name: 'router-zoo',
  regions: [{ name: 'zoo' }],
  links: [],
  hosts: [
    {
      name: 'server',
      region: 'zoo',
      addresses: ['3.210.5.10', '3.210.5.11', '2a02:8109:b510::10'].map(ip),
    },
  ],
  networks,
  machines: networks.flatMap((network, index) => [
    machine('behind', network, index),
    ...(network.hairpin === true ? [machine('beside', network, index)] : []),
  ]),
};
