/**
 * What a profile of the matrix is: how a place in the world is built, and what is true of it whatever any
 * program finds out. The oracle judges by the truth; worlds are made from the build; description.test.ts holds what a
 * machine finds out there against the truth, why.system.test.ts what `why` says.
 *
 * Terms: RFC 4787 sections 4 and 5; RFC 6146 for NAT64; RFC 6598 for carriers.
 */
import type { NatProfile, PortMappingProtocol, PortMappingService } from '../topology/types.js';

export type Family = 4 | 6;

/** How a profile's place is built; `topology.ts` makes a site of it. */
export type ProfileBuild =
  | {
      readonly at: 'public';
      /** What its interface has addresses of. */
      readonly families: readonly Family[];
      readonly firewalled: boolean;
    }
  | {
      readonly at: 'lan';
      readonly nat: NatProfile;
      readonly ipv6?: 'firewalled' | 'open';
      /** Machines have IPv6 alone, the router translates to IPv4. */
      readonly nat64?: boolean;
      readonly portMapping?: PortMappingService;
      /** The carrier's NAT in front of the router's. */
      readonly carrier?: NatProfile;
      readonly hairpin?: boolean;
      readonly crossTrafficPerSecond?: number;
      /** The network has four public addresses; otherwise one. */
      readonly pool?: boolean;
      readonly rejects?: boolean;
      readonly bansAfter?: number;
      /** A UDP balancer forwards to the machine, which knows it as a static endpoint. */
      readonly balancer?: boolean;
    };

export type Dependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent';

/** UDP of one family end to end, through everything between the machine and the internet. */
export interface FamilyTruth {
  /** `none`: nothing translates. */
  readonly mapping: 'none' | Dependence;
  /** `none`: everybody is let in although nothing was sent. */
  readonly filtering: 'none' | Dependence;
  readonly portAllocation: 'preserving' | 'sequential' | 'random';
  /** From one new mapping of ours to the next, without anybody else's; 0 unless sequential. */
  readonly portDelta: number;
  /** Ports of mappings, where they are confined to a few hundred. */
  readonly portRange: { readonly low: number; readonly high: number } | null;
  /** Public addresses; a new mapping has any of them. */
  readonly addresses: number;
}

/** How strangers get in beside the NAT: proven, so that a dead or falsely told mapping is none. */
export type WayIn = 'portmap' | 'static';

export interface ProfileTruth {
  /** What netcheck has to call it; `none`: reached before anything was sent. */
  readonly class: 'none' | 'easy' | 'hard' | 'unknown';
  /** null: no UDP of this family gets through. */
  readonly ipv4: FamilyTruth | null;
  readonly ipv6: FamilyTruth | null;
  /** IPv4 is reached by translation from IPv6. */
  readonly nat64: boolean;
  readonly cgnat: boolean;
  /** Protocols that the router answers in, useful or not. */
  readonly portMapping: readonly PortMappingProtocol[];
  /** Over IPv4; null: none that works. */
  readonly wayIn: WayIn | null;
  /** The router sends our own outer endpoint back in; null: there is no router that could. */
  readonly hairpin: boolean | null;
  /** New flows of others that use up ports of the same NAT, a second. */
  readonly crossTrafficPerSecond: number;
  /** UDP packets that nobody asked for, from one address within a minute, that its firewall bears; null: any number. */
  readonly bansAfter: number | null;
}

/**
 * Rules by which a pair is relayed, the first that holds:
 *
 *     udp-blocked         no UDP gets through at one of the two
 *     no-common-family    one has IPv4 alone, the other IPv6 alone
 *     both-hard           both mappings depend on the destination, and the ports can't be guessed
 *     hard-and-easy       one mapping does, and the other side's filter lets in only what it has sent to
 */
export const RELAY_RULES = [
  'udp-blocked',
  'no-common-family',
  'both-hard',
  'hard-and-easy',
] as const;
export type RelayRule = (typeof RELAY_RULES)[number];

export interface Profile {
  /** Names machines and networks too: lower case and hyphens. */
  readonly name: string;
  /** One sentence for people. */
  readonly about: string;
  readonly build: ProfileBuild;
  readonly truth: ProfileTruth;
  /** When it is relayed towards this other profile, `why` has to name this rule. */
  readonly relayed: { readonly with: string; readonly rule: RelayRule };
}
