/** What `why` answers: a verdict, the rule that decides, and what to change. */
import type { NatDescription } from '../netmap/nat-description.js';
import type { Attempt } from './evidence.js';

export type Side = 'self' | 'peer';

/** Ways to be direct, as reports call them. */
export type DirectMethod =
  | 'open'
  | 'punch'
  | 'lan'
  | 'ipv6'
  | 'portmap'
  | 'static'
  | 'predict'
  | 'birthday';

/** Rules of direct paths: what made them possible. */
export type DirectRule = `direct-${DirectMethod}`;

/** Rules of pairs that don't reach each other at all. */
export type AbsenceRule = 'peer-offline' | 'peer-expired' | 'no-relay' | 'plain-wireguard-silent';

/** Rules of relayed pairs, in the order in which they are asked. */
export type RelayedRule =
  | 'idle-never-used'
  | 'discovery-running'
  | 'not-measured'
  | 'udp-blocked'
  | 'peer-not-warren'
  | 'no-common-family'
  | 'same-lan-isolated'
  | 'reachable-unanswered'
  | 'both-hard'
  | 'hard-and-easy'
  | 'nat-unknown'
  | 'firewall-drops';

export type Rule = DirectRule | AbsenceRule | RelayedRule;

/** What else stands in the way, beside the rule that decides. */
export type NoteRule =
  | 'carrier-nat'
  | 'mapping-not-public'
  | 'mapping-dead'
  | 'mapping-unproven'
  | 'static-dead'
  | 'table-pressure'
  | 'port-mapping-off';

export interface Note {
  readonly rule: NoteRule;
  readonly where: Side;
  /** A sentence for people. */
  readonly text: string;
}

export type FixCode =
  | 'enable-port-mapping'
  | 'forward-port'
  | 'open-firewall'
  | 'allow-udp'
  | 'allow-udp-and-forward'
  | 'allow-udp-and-ipv6'
  | 'enable-ipv6'
  | 'endpoint-independent-nat'
  | 'repair-port-mapping'
  | 'repair-static-endpoint'
  | 'allow-lan'
  | 'use-warren'
  | 'start-peer'
  | 'log-in-again'
  | 'reach-relay'
  | 'send-something'
  | 'wait';

/** One thing to change, with the path that it would give. */
export interface Fix {
  /** For machines; stable. */
  readonly code: FixCode;
  /** For people: what to do, in the imperative. */
  readonly do: string;
  /** The path afterwards; null: it only makes another verdict possible. */
  readonly effect: DirectMethod | 'relay' | null;
  readonly where: Side | 'both';
}

export interface Verdict {
  readonly verdict: 'direct' | 'relayed' | 'unreachable';
  readonly rule: Rule;
  /** One sentence. */
  readonly reason: string;
  /** Undefined: not measured, or the peer does not tell. */
  readonly self: NatDescription | undefined;
  readonly peer: NatDescription | undefined;
  readonly notes: readonly Note[];
  readonly attempts: readonly Attempt[];
  readonly callsSent: number;
  readonly callsReceived: number;
  /** The surest first. */
  readonly fixes: readonly Fix[];
}
