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
  /** Addresses of the machines in the LAN. */
  readonly inside: readonly IpAddress[];
}

/** Ports of the profiles that have few: as many as carriers give a subscriber at the least. */
export const SMALL_RANGE = '40000-40063';
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

/** The destination's address alone decides from which ports the mapping comes. */
function addressDependent({ outside }: TranslationPlace): string {
  const buckets = Array.from({ length: addressBuckets }, (_, at) => ({
    name: `bucket${at}`,
    first: bucketStart + at * bucketPorts,
    last: bucketStart + (at + 1) * bucketPorts - 1,
  }));
  const chains = buckets.map(
    ({ name, first, last }) => `
  chain ${name} {
    meta l4proto { tcp, udp } snat to ${outside}:${first}-${last}
    masquerade
  }`,
  );
  const choice = buckets.map(({ name }, at) => `${at} : goto ${name}`).join(', ');
  return `
table ip nat {${chains.join('')}
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" jhash ip daddr mod ${addressBuckets} seed 0xdeadbeef vmap { ${choice} }
  }
}
`;
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
    case 'one-to-one':
      return oneToOne(place, true);
    case 'one-to-one-firewalled':
      return oneToOne(place, false);
  }
}
