/**
 * What `why` reasons from: what both ends know of their NATs, the way that packets take now, and what was tried.
 * Everything is as the node has it; undefined is unknown and stays so.
 */
import type { Path } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NatDescription } from '../netmap/nat-description.js';

/** Where a candidate came from. */
export type AttemptSource = 'map' | 'call-me-maybe' | 'their-ping';

/** One address of the peer, and how it did. */
export interface Attempt {
  readonly endpoint: Endpoint;
  readonly sources: readonly AttemptSource[];
  readonly pingsSent: number;
  readonly pongs: number;
  /** Smoothed round trip; undefined: it never answered. */
  readonly latencyMs: number | undefined;
  /** `unreachable`: our operating system can't send there; `data-not-carried`: pings pass, data does not. */
  readonly error: 'unreachable' | 'data-not-carried' | undefined;
  readonly inUse: boolean;
}

/** The search for ports that are foretold or guessed. */
export interface PortSearchEvidence {
  readonly method: 'predict' | 'birthday';
  readonly attempts: number;
  /** Stable: `off`, `running`, `found`, or why the last attempt failed. */
  readonly outcome: string;
  /** What the pings of the last attempt were, such as `guesses`; undefined: it came to none. */
  readonly action: string | undefined;
  readonly pings: number;
  /** Calls to a stock peer that listed guesses of our own ports. */
  readonly callsWithGuesses: number;
  /** Undefined: no further attempt is planned. */
  readonly againInMs: number | undefined;
}

/** The search for a direct path to one peer. */
export interface AttemptsEvidence {
  readonly candidates: readonly Attempt[];
  readonly callsSent: number;
  readonly callsReceived: number;
  /** How long a direct path has been looked for; undefined: it is not looked for. */
  readonly searchingMs: number | undefined;
  /** Undefined: none was begun. */
  readonly portSearch?: PortSearchEvidence | undefined;
}

/** One of our own endpoints, as far as `why` cares. */
export interface OwnEndpointEvidence {
  readonly endpoint: Endpoint;
  readonly type: 'local' | 'stun' | 'portmap' | 'stun-local-port' | 'static';
  /** Whether strangers reach it; undefined: not tried. */
  readonly verified: boolean | undefined;
}

export interface SelfEvidence {
  /** Undefined: not measured yet. */
  readonly nat: NatDescription | undefined;
  readonly endpoints: readonly OwnEndpointEvidence[];
  /** A relay connection stands. */
  readonly hasRelay: boolean;
}

export interface PeerEvidence {
  /** As people call it. */
  readonly name: string;
  /** Undefined: a stock client, or one that has not measured yet. */
  readonly nat: NatDescription | undefined;
  /** Undefined: control doesn't know. */
  readonly online: boolean | undefined;
  readonly expired: boolean;
  /** Plain WireGuard: it speaks no disco and has no relay. */
  readonly isPlain: boolean;
  /** What it tells everybody. */
  readonly endpoints: readonly Endpoint[];
}

export interface Evidence {
  readonly self: SelfEvidence;
  readonly peer: PeerEvidence;
  /** What data takes now; undefined: no way is known. */
  readonly path: Path | undefined;
  /** How the port of the direct path in use was found, where pings alone had not done it. */
  readonly portMethod: 'predict' | 'birthday' | undefined;
  /** WireGuard has a session, so that packets really pass. */
  readonly hasSession: boolean;
  readonly attempts: AttemptsEvidence;
}
