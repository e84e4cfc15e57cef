/**
 * The profiles of the matrix: places where people's machines stand, each with the truth about it. Nothing
 * here is found out by a program of ours; the oracle, the grid and the tests of netcheck and `why` read it.
 */
import { ip } from '../topology/literals.js';
import { PORT_MAPPING_PROTOCOLS } from '../topology/types.js';
import type { FamilyTruth, Profile, ProfileTruth } from './profile.js';

/** What home routers and clouds do to UDP over IPv4, by name. */
const open: FamilyTruth = {
  mapping: 'none',
  filtering: 'none',
  portAllocation: 'preserving',
  portDelta: 0,
  portRange: null,
  addresses: 1,
};
const firewalled: FamilyTruth = { ...open, filtering: 'address-and-port-dependent' };
const easy: FamilyTruth = { ...firewalled, mapping: 'endpoint-independent' };
const hard: FamilyTruth = {
  ...easy,
  mapping: 'address-and-port-dependent',
  portAllocation: 'random',
};
const sequential: FamilyTruth = { ...hard, portAllocation: 'sequential', portDelta: 1 };
/** 64 ports: what a carrier hands to one customer. */
const fewPorts = { portAllocation: 'random', portRange: { low: 40_000, high: 40_063 } } as const;
/** 512 ports: what a carrier's NAT sets aside for a customer at a time. */
const block = { portAllocation: 'random', portRange: { low: 40_448, high: 40_959 } } as const;

const nothing: ProfileTruth = {
  class: 'unknown',
  ipv4: null,
  ipv6: null,
  nat64: false,
  cgnat: false,
  portMapping: [],
  wayIn: null,
  hairpin: null,
  crossTrafficPerSecond: 0,
  bansAfter: null,
};
const behindEasy: ProfileTruth = { ...nothing, class: 'easy', ipv4: easy, hairpin: false };
const behindHard: ProfileTruth = { ...behindEasy, class: 'hard', ipv4: hard };

const hardRelayed = { with: 'hard', rule: 'both-hard' } as const;
/** Met by everybody who has UDP at all, be it by guesses. */
const reachedRelayed = { with: 'udp-blocked', rule: 'udp-blocked' } as const;

export const PROFILES: readonly Profile[] = [
  {
    name: 'public',
    about: 'A public IPv4 address and nothing in front of it.',
    build: { at: 'public', families: [4], firewalled: false },
    truth: { ...nothing, class: 'none', ipv4: open },
    relayed: reachedRelayed,
  },
  {
    name: 'public-firewalled',
    about: 'A public IPv4 address behind a stateful firewall: nothing comes in unasked.',
    build: { at: 'public', families: [4], firewalled: true },
    truth: { ...nothing, class: 'easy', ipv4: firewalled },
    relayed: reachedRelayed,
  },
  {
    name: 'one-to-one',
    about: 'An elastic IP that forwards everything to one machine.',
    build: { at: 'lan', nat: 'one-to-one' },
    truth: { ...behindEasy, class: 'none', ipv4: { ...easy, filtering: 'none' } },
    relayed: reachedRelayed,
  },
  {
    name: 'one-to-one-firewalled',
    about: 'An elastic IP behind a stateful security group.',
    build: { at: 'lan', nat: 'one-to-one-firewalled' },
    truth: behindEasy,
    relayed: reachedRelayed,
  },
  {
    name: 'full-cone',
    about: 'A router that lets anybody in at a port which it has mapped.',
    build: { at: 'lan', nat: 'full-cone' },
    truth: { ...behindEasy, ipv4: { ...easy, filtering: 'endpoint-independent' } },
    relayed: reachedRelayed,
  },
  {
    name: 'cone-other-ports',
    about: 'A full cone that never keeps the inner port.',
    build: { at: 'lan', nat: 'cone-other-ports' },
    truth: {
      ...behindEasy,
      ipv4: { ...easy, filtering: 'endpoint-independent', portAllocation: 'random' },
    },
    relayed: reachedRelayed,
  },
  {
    name: 'restricted-cone',
    about: 'A router that lets in any port of an address that was sent to.',
    build: { at: 'lan', nat: 'restricted-cone' },
    truth: { ...behindEasy, ipv4: { ...easy, filtering: 'address-dependent' } },
    relayed: reachedRelayed,
  },
  {
    name: 'easy',
    about: "A home router: one outer port for all destinations, Linux' masquerade.",
    build: { at: 'lan', nat: 'easy' },
    truth: behindEasy,
    relayed: reachedRelayed,
  },
  {
    name: 'easy-hairpin',
    about: 'A home router that also sends its own outer endpoints back in.',
    build: { at: 'lan', nat: 'easy', hairpin: true },
    truth: { ...behindEasy, hairpin: true },
    relayed: reachedRelayed,
  },
  {
    name: 'easy-range',
    about: 'A home router that maps into 64 ports.',
    build: { at: 'lan', nat: 'easy-range' },
    truth: { ...behindEasy, ipv4: { ...easy, ...fewPorts } },
    relayed: reachedRelayed,
  },
  {
    name: 'easy-rejecting',
    about: 'A home router that answers what comes unasked with an ICMP error.',
    build: { at: 'lan', nat: 'easy', rejects: true },
    truth: behindEasy,
    relayed: reachedRelayed,
  },
  {
    name: 'easy-banning',
    about: 'A home router that bans an address for a minute after 20 packets that come unasked.',
    build: { at: 'lan', nat: 'easy', bansAfter: 20 },
    truth: { ...behindEasy, bansAfter: 20 },
    relayed: { with: 'hard', rule: 'hard-and-easy' },
  },
  {
    name: 'easy-portmap',
    about: 'A home router with UPnP, NAT-PMP and PCP.',
    build: { at: 'lan', nat: 'easy', portMapping: { protocols: PORT_MAPPING_PROTOCOLS } },
    truth: { ...behindEasy, portMapping: PORT_MAPPING_PROTOCOLS, wayIn: 'portmap' },
    relayed: reachedRelayed,
  },
  {
    name: 'easy-liar',
    about: 'A home router that grants mappings and tells an external address which is not its own.',
    build: {
      at: 'lan',
      nat: 'easy',
      portMapping: { protocols: PORT_MAPPING_PROTOCOLS, tells: ip('5.6.7.9') },
    },
    truth: { ...behindEasy, portMapping: PORT_MAPPING_PROTOCOLS },
    relayed: reachedRelayed,
  },
  {
    name: 'easy-dead-mapping',
    about: 'A home router whose mappings are granted and listed, and let nobody in.',
    build: {
      at: 'lan',
      nat: 'easy',
      portMapping: { protocols: PORT_MAPPING_PROTOCOLS, dead: true },
    },
    truth: { ...behindEasy, portMapping: PORT_MAPPING_PROTOCOLS },
    relayed: reachedRelayed,
  },
  {
    name: 'carrier-easy',
    about: "A home router behind a carrier's NAT, both with one outer port for all destinations.",
    build: { at: 'lan', nat: 'easy', carrier: 'easy' },
    truth: { ...behindEasy, cgnat: true },
    relayed: reachedRelayed,
  },
  {
    name: 'carrier-hard',
    about:
      "A home router behind a carrier's NAT that takes a new random port for each destination.",
    build: { at: 'lan', nat: 'easy', carrier: 'hard' },
    truth: { ...behindHard, cgnat: true },
    relayed: hardRelayed,
  },
  {
    name: 'carrier-hard-upnp',
    about: "The same with UPnP at home, whose mappings end at the carrier's NAT.",
    build: { at: 'lan', nat: 'easy', carrier: 'hard', portMapping: { protocols: ['upnp'] } },
    truth: { ...behindHard, cgnat: true, portMapping: ['upnp'] },
    relayed: hardRelayed,
  },
  {
    name: 'hard',
    about: "A cloud's NAT gateway: a new random port for each destination.",
    build: { at: 'lan', nat: 'hard' },
    truth: behindHard,
    relayed: hardRelayed,
  },
  {
    name: 'hard-range',
    about: 'A new random port of 64 for each destination.',
    build: { at: 'lan', nat: 'hard-range' },
    truth: { ...behindHard, ipv4: { ...hard, ...fewPorts } },
    relayed: hardRelayed,
  },
  {
    name: 'hard-pool',
    about: 'A new random port for each destination, at any of four public addresses.',
    build: { at: 'lan', nat: 'hard-pool', pool: true },
    truth: { ...behindHard, ipv4: { ...hard, addresses: 4 } },
    relayed: hardRelayed,
  },
  {
    name: 'port-block',
    about: "A new random port for each destination, of the 512 that a carrier's NAT sets aside.",
    build: { at: 'lan', nat: 'port-block' },
    truth: { ...behindHard, ipv4: { ...hard, ...block } },
    relayed: hardRelayed,
  },
  {
    name: 'port-parity',
    about: 'A new random port for each destination, an even one for an even one.',
    build: { at: 'lan', nat: 'port-parity' },
    truth: behindHard,
    relayed: hardRelayed,
  },
  {
    name: 'address-dependent-loose',
    about: 'A new random port for each address, where any port of that address is let in.',
    build: { at: 'lan', nat: 'address-dependent-loose' },
    truth: {
      ...behindHard,
      ipv4: { ...hard, mapping: 'address-dependent', filtering: 'address-dependent' },
    },
    relayed: reachedRelayed,
  },
  {
    name: 'address-dependent',
    about: 'A new random port for each address, whatever the port there.',
    build: { at: 'lan', nat: 'address-dependent' },
    truth: { ...behindHard, ipv4: { ...hard, mapping: 'address-dependent' } },
    relayed: hardRelayed,
  },
  {
    name: 'sequential',
    about: 'The next port for each destination, and nobody else takes any.',
    build: { at: 'lan', nat: 'sequential' },
    truth: { ...behindHard, ipv4: sequential },
    relayed: hardRelayed,
  },
  {
    name: 'sequential-3',
    about: 'The next port for each destination; others take 3 a second.',
    build: { at: 'lan', nat: 'sequential', crossTrafficPerSecond: 3 },
    truth: { ...behindHard, ipv4: sequential, crossTrafficPerSecond: 3 },
    relayed: hardRelayed,
  },
  {
    name: 'sequential-10',
    about: 'The next port for each destination; others take 10 a second.',
    build: { at: 'lan', nat: 'sequential', crossTrafficPerSecond: 10 },
    truth: { ...behindHard, ipv4: sequential, crossTrafficPerSecond: 10 },
    relayed: hardRelayed,
  },
  {
    name: 'sequential-shared',
    about: 'The next port for each destination; others take 20 a second.',
    build: { at: 'lan', nat: 'sequential', crossTrafficPerSecond: 20 },
    truth: { ...behindHard, ipv4: sequential, crossTrafficPerSecond: 20 },
    relayed: hardRelayed,
  },
  {
    name: 'sequential-busy',
    about: 'The next port for each destination; others take 200 a second.',
    build: { at: 'lan', nat: 'sequential', crossTrafficPerSecond: 200 },
    truth: { ...behindHard, ipv4: sequential, crossTrafficPerSecond: 200 },
    relayed: hardRelayed,
  },
  {
    name: 'hard-upnp',
    about: 'A hard NAT whose router speaks UPnP alone.',
    build: { at: 'lan', nat: 'hard', portMapping: { protocols: ['upnp'] } },
    truth: { ...behindHard, portMapping: ['upnp'], wayIn: 'portmap' },
    relayed: reachedRelayed,
  },
  {
    name: 'hard-natpmp',
    about: 'A hard NAT whose router speaks NAT-PMP alone.',
    build: { at: 'lan', nat: 'hard', portMapping: { protocols: ['natpmp'] } },
    truth: { ...behindHard, portMapping: ['natpmp'], wayIn: 'portmap' },
    relayed: reachedRelayed,
  },
  {
    name: 'hard-pcp',
    about: 'A hard NAT whose router speaks PCP alone.',
    build: { at: 'lan', nat: 'hard', portMapping: { protocols: ['pcp'] } },
    truth: { ...behindHard, portMapping: ['pcp'], wayIn: 'portmap' },
    relayed: reachedRelayed,
  },
  {
    name: 'hard-balancer',
    about:
      'A hard NAT, and a UDP load balancer beside it that the machine knows as its static endpoint.',
    build: { at: 'lan', nat: 'hard', balancer: true },
    truth: { ...behindHard, wayIn: 'static' },
    relayed: reachedRelayed,
  },
  {
    name: 'dual-stack',
    about: 'A hard NAT for IPv4, and native IPv6 behind a stateful firewall.',
    build: { at: 'lan', nat: 'hard', ipv6: 'firewalled' },
    truth: { ...behindHard, ipv6: firewalled },
    relayed: hardRelayed,
  },
  {
    name: 'dual-stack-open',
    about: 'A hard NAT for IPv4, and native IPv6 that lets everybody in.',
    build: { at: 'lan', nat: 'hard', ipv6: 'open' },
    truth: { ...behindHard, ipv6: open },
    relayed: hardRelayed,
  },
  {
    name: 'ipv6-only',
    about: 'A public IPv6 address behind a stateful firewall, and no IPv4 at all.',
    build: { at: 'public', families: [6], firewalled: true },
    truth: { ...nothing, class: 'easy', ipv6: firewalled },
    relayed: { with: 'hard', rule: 'no-common-family' },
  },
  {
    name: 'nat64',
    about: 'IPv6 alone behind a stateful firewall; IPv4 through a NAT64 with one port for all.',
    build: { at: 'lan', nat: 'easy', ipv6: 'firewalled', nat64: true },
    truth: { ...behindEasy, ipv6: firewalled, nat64: true },
    relayed: reachedRelayed,
  },
  {
    name: 'udp-blocked',
    about: 'An office whose firewall lets TCP out and no UDP.',
    build: { at: 'lan', nat: 'udp-blocked' },
    truth: { ...nothing },
    relayed: { with: 'public', rule: 'udp-blocked' },
  },
];

/** The profile of that name; undefined: there is none. */
export function profileNamed(name: string): Profile | undefined {
  return PROFILES.find((profile) => profile.name === name);
}
