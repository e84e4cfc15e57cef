/**
 * How each NAT profile translates, as nftables text: `wan` is outside, `br0` inside. What a profile means is
 * said where the profiles are listed (@warren/sim/topology/types).
 */
import type { IpAddress } from '@warren/core/ip/address';
import type { NatProfile } from '@warren/sim/topology/types';
import { coneRules } from './nat-cone.js';

/** What a translation needs to know of its network. */
export interface TranslationPlace {
  /** The address that the NAT uses. */
  readonly outside: IpAddress;
  /** Addresses that a NAT with a pool uses, that one among them. */
  readonly pool: readonly IpAddress[];
  /** Addresses of the machines in the LAN. */
  readonly inside: readonly IpAddress[];
}

/** Ports of the profiles that have few: as many as carriers give a subscriber at the least. */
export const SMALL_RANGE = '40000-40063';
/** 512 of them, at a multiple of that. */
export const PORT_BLOCK = '40448-40959';
/** All that a NAT of port parity chooses from; half of them for even ports, half for odd ones. */
const parityStart = 1024;
const parityPorts = 64_512;
/** Above the ports that a machine chooses for itself, so that none is kept by chance. */
export const OTHER_PORTS = '61000-64999';
/** The sequence starts again after this many mappings: a minute and a half of a NAT that others keep busy. */
const sequenceStart = 40_000;
const sequenceLength = 20_000;
/** Ranges of the address-dependent NAT: with 16, two addresses share one with a chance of 1 in 16. */
const addressBuckets = 16;
const bucketStart = 32_768;
const bucketPorts = 2000;

/** Statements in a row, each for what leaves. */
function sourceNat(...statements: readonly string[]): string {
  const lines = statements.map((statement) => `    oifname "wan" ${statement}\n`).join('');
  return `
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
${lines}  }
}
`;
}

/** A range needs a protocol with ports; all else is translated without. */
function inRange(options: string): string {
  return sourceNat(`meta l4proto { tcp, udp } masquerade to :${options}`, 'masquerade');
}

function sequential({ outside }: TranslationPlace): string {
  const ports = Array.from({ length: sequenceLength }, (_, at) => `${at} : ${sequenceStart + at}`);
  const next = `numgen inc mod ${sequenceLength} map { ${ports.join(', ')} }`;
  return sourceNat(`meta l4proto udp snat to ${outside} : ${next}`, 'masquerade');
}

/** Each new flow has any of the addresses, and a random port there. */
function pooled({ pool }: TranslationPlace): string {
  const places = pool.map((address, at) => `${at} : ${address}`).join(', ');
  return sourceNat(`snat to numgen random mod ${pool.length} map { ${places} } fully-random`);
}

/** Any port, even for even. A port that is taken is not replaced: that flow's first packet is lost. */
function portParity({ outside }: TranslationPlace): string {
  const chain = (name: string, first: number): string => {
    const ports = Array.from({ length: parityPorts / 2 }, (_, at) => `${at} : ${first + 2 * at}`);
    return `
  chain ${name} {
    meta l4proto udp snat to ${outside} : numgen random mod ${ports.length} map { ${ports.join(', ')} }
  }`;
  };
  return `
table ip nat {${chain('even', parityStart)}${chain('odd', parityStart + 1)}
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" meta l4proto udp @th,15,1 vmap { 0 : goto even, 1 : goto odd }
    oifname "wan" masquerade
  }
}
`;
}

/** The destination's address alone decides from which ports the mapping comes. */
function addressDependent({ outside }: TranslationPlace): string {
  return `
table ip nat {${bucketChains(outside)}
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" ${bucketChoice}
  }
}
`;
}

/** Statement that goes to the chain of the destination's address. */
const bucketChoice = `jhash ip daddr mod ${addressBuckets} seed 0xdeadbeef vmap { ${Array.from(
  { length: addressBuckets },
  (_, at) => `${at} : goto bucket${at}`,
).join(', ')} }`;

function bucketChains(outside: IpAddress): string {
  const buckets = Array.from({ length: addressBuckets }, (_, at) => ({
    name: `bucket${at}`,
    first: bucketStart + at * bucketPorts,
    last: bucketStart + (at + 1) * bucketPorts - 1,
  }));
  return buckets
    .map(
      ({ name, first, last }) => `
  chain ${name} {
    meta l4proto { tcp, udp } snat to ${outside}:${first}-${last}
    masquerade
  }`,
    )
    .join('');
}

/** Its own public address for the LAN's one machine; unasked traffic reaches it only when `open`. */
function oneToOne({ outside, inside: [machine] }: TranslationPlace, open: boolean): string {
  const inbound =
    open && machine !== undefined
      ? `
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "wan" ip daddr ${outside} dnat to ${machine}
  }`
      : '';
  return `
table ip nat {${inbound}
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" snat to ${outside}
  }
}
`;
}

/** The tables that translate. */
export function translationRules(profile: NatProfile, place: TranslationPlace): string {
  switch (profile) {
    case 'easy':
    case 'udp-blocked':
      return sourceNat('masquerade');
    case 'easy-range':
      return inRange(SMALL_RANGE);
    case 'hard':
      return sourceNat('masquerade fully-random');
    case 'hard-range':
      return inRange(`${SMALL_RANGE} fully-random`);
    case 'hard-pool':
      return pooled(place);
    case 'port-block':
      return inRange(`${PORT_BLOCK} fully-random`);
    case 'port-parity':
      return portParity(place);
    case 'full-cone':
      return coneRules({ source: 'masquerade', restricted: false });
    case 'restricted-cone':
      return coneRules({ source: 'masquerade', restricted: true });
    case 'cone-other-ports':
      return coneRules({
        source: `meta l4proto { tcp, udp } snat to ${place.outside}:${OTHER_PORTS}
    oifname "wan" masquerade`,
        restricted: false,
      });
    case 'sequential':
      return sequential(place);
    case 'address-dependent':
      return addressDependent(place);
    case 'address-dependent-loose':
      return coneRules({
        source: bucketChoice,
        restricted: true,
        chains: bucketChains(place.outside),
      });
    case 'one-to-one':
      return oneToOne(place, true);
    case 'one-to-one-firewalled':
      return oneToOne(place, false);
  }
}
