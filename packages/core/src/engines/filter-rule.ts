/**
 * Who may send what to this node, as control's packet filter says and both engines hand it on. Rules only
 * allow: a packet that none of them names is dropped, so a rule that is lost never opens anything.
 */
import type { Prefix } from '../ip/prefix.js';

/** Inclusive at both ends, 0 to 65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface FilterTarget {
  readonly prefix: Prefix;
  readonly ports: PortRange;
}

/** A packet of one of the protocols, from one of the sources, to one of the targets, may come in. */
export interface FilterRule {
  /** IP protocol numbers. */
  readonly protocols: readonly number[];
  readonly sources: readonly Prefix[];
  readonly targets: readonly FilterTarget[];
}

export const ALL_PORTS: PortRange = { first: 0, last: 65_535 };

/** IP protocol numbers (IANA). */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** What a rule that names no protocol means to every client of this control protocol. */
export const DEFAULT_PROTOCOLS: readonly number[] = [
  PROTOCOL.tcp,
  PROTOCOL.udp,
  PROTOCOL.icmp,
  PROTOCOL.icmpv6,
];
