/** Why a peer is reached as it is, in the local API and as `warren why PEER --json`. `null`: not known, never a guess. */
import type { HistoryEntry } from './protocol.js';

/** One family of one end. */
export interface WhyFamily {
  readonly works: boolean;
  readonly mapping: string | null;
  readonly filtering: string | null;
  readonly portAllocation: 'preserving' | 'sequential' | 'random' | null;
  readonly portDelta: number | null;
  readonly portRange: { readonly low: number; readonly high: number } | null;
  readonly lifetimeMs: number | null;
  readonly hairpin: boolean | null;
  readonly mapped: string | null;
}

/** The NAT in front of one end, as that end describes it. */
export interface WhyNat {
  readonly class: 'none' | 'easy' | 'hard' | 'unknown';
  readonly ipv4: WhyFamily;
  readonly ipv6: WhyFamily;
  readonly cgnat: boolean | null;
  readonly nat64: string | null;
  readonly portMapping: {
    readonly upnp: boolean | null;
    readonly natpmp: boolean | null;
    readonly pcp: boolean | null;
    readonly external: string | null;
  };
  /** Endpoints at which strangers were proven to reach it. */
  readonly reachable: readonly string[];
}

export interface WhyAttempt {
  readonly endpoint: string;
  /** `map`: the control server says so; `call-me-maybe`: the peer, over a relay; `their-ping`: it came from there. */
  readonly sources: readonly ('map' | 'call-me-maybe' | 'their-ping')[];
  readonly pingsSent: number;
  readonly pongs: number;
  readonly latencyMs: number | null;
  readonly error: 'unreachable' | 'data-not-carried' | null;
  readonly inUse: boolean;
}

export interface WhyNote {
  /** Stable kebab-case. */
  readonly rule: string;
  readonly where: 'self' | 'peer';
  readonly text: string;
}

export interface WhyFix {
  /** Stable kebab-case. */
  readonly code: string;
  readonly do: string;
  /** The path that it would give; null: another verdict only. */
  readonly effect: string | null;
  readonly where: 'self' | 'peer' | 'both';
}

export interface WhyReport {
  readonly verdict: 'direct' | 'relayed' | 'unreachable';
  /** One sentence. */
  readonly reason: string;
  /** Stable kebab-case; docs/why.md lists them. */
  readonly rule: string;
  readonly selfName: string;
  readonly peerName: string;
  /** null: not measured yet. */
  readonly self: WhyNat | null;
  /** null: it does not tell. */
  readonly peer: WhyNat | null;
  /** What data takes now. */
  readonly path: {
    readonly kind: 'direct' | 'relay';
    readonly endpoint: string | null;
    readonly relay: string | null;
    readonly latencyMs: number | null;
  } | null;
  readonly notes: readonly WhyNote[];
  readonly attempts: readonly WhyAttempt[];
  readonly callsSent: number;
  readonly callsReceived: number;
  /** The surest first. */
  readonly fixes: readonly WhyFix[];
  /** Changes of the path to this peer, and of our own NAT, oldest first. */
  readonly history: readonly HistoryEntry[];
}
