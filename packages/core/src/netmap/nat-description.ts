/**
 * What is known of the NAT in front of a node, family by family: the truth that `netcheck` shows, that nodes hand
 * each other through control, that predictions stand on and that `why` reasons with. Unknown is undefined,
 * never a guess.
 *
 * Terms: RFC 4787 sections 4 and 5; measured as RFC 5780 sections 4.2 to 4.6 describe.
 */
import type { Endpoint, IpAddress } from '../ip/address.js';

/** none: reached unasked (proven); easy: one mapping for all; hard: it depends on the destination. */
export type NatClass = 'none' | 'easy' | 'hard' | 'unknown';

/** Which flows of one socket share a mapping, or whose datagrams a mapping lets in. */
export type Dependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent';

/** `none`: nothing translates. `endpoint-dependent`: one of the two dependent kinds, not known which. */
export type MappingBehaviour = 'none' | Dependence | 'endpoint-dependent';

/** `none`: everybody is let in although nothing was sent (proven). */
export type FilteringBehaviour = 'none' | Dependence;

/** How ports of new mappings are chosen. */
export type PortAllocation = 'preserving' | 'sequential' | 'random';

export interface FamilyDescription {
  /** Servers answered over this family. */
  readonly works: boolean;
  readonly mapping: MappingBehaviour | undefined;
  readonly filtering: FilteringBehaviour | undefined;
  readonly portAllocation: PortAllocation | undefined;
  /** Of `sequential`: from one new mapping to the next, other people's included; 0 otherwise. */
  readonly portDelta: number | undefined;
  /** Ports of mappings seen so far, when they are confined to few: at most a few hundred. */
  readonly portRange: { readonly low: number; readonly high: number } | undefined;
  /** An idle mapping was still there after this; ms. */
  readonly lifetimeMs: number | undefined;
  readonly hairpin: boolean | undefined;
  /** Flows were dropped although few were open. */
  readonly tablePressure: boolean | undefined;
  /** The latest mapped endpoint of our main socket. */
  readonly mapped: Endpoint | undefined;
}

export interface NatDescription {
  /** Summary by the rules of netcheck/nat-class.ts; port mapping and static endpoints never change it. */
  readonly class: NatClass;
  readonly ipv4: FamilyDescription;
  readonly ipv6: FamilyDescription;
  /** A carrier's NAT stands between our router and the internet. */
  readonly cgnat: boolean | undefined;
  /** IPv4 is reached through this /96 (RFC 6052); undefined: not. */
  readonly nat64: IpAddress | undefined;
  readonly portMapping: {
    readonly pcp: boolean | undefined;
    readonly natpmp: boolean | undefined;
    readonly upnp: boolean | undefined;
    /** The mapping in use. */
    readonly external: Endpoint | undefined;
  };
  /** Endpoints of ours that strangers were proven to reach. */
  readonly reachable: readonly Endpoint[];
}

const UNKNOWN_FAMILY: FamilyDescription = {
  works: false,
  mapping: undefined,
  filtering: undefined,
  portAllocation: undefined,
  portDelta: undefined,
  portRange: undefined,
  lifetimeMs: undefined,
  hairpin: undefined,
  tablePressure: undefined,
  mapped: undefined,
};

/** Nothing was measured yet. */
export const UNKNOWN_NAT: NatDescription = {
  class: 'unknown',
  ipv4: UNKNOWN_FAMILY,
  ipv6: UNKNOWN_FAMILY,
  cgnat: undefined,
  nat64: undefined,
  portMapping: { pcp: undefined, natpmp: undefined, upnp: undefined, external: undefined },
  reachable: [],
};
