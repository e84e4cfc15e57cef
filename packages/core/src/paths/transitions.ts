/**
 * All transitions of one peer's path.
 *
 * Without a session (nothing sent for 45 s) no timer but trust runs; a path found earlier is kept and used
 * together with the relay by the first packet of the next session.
 *
 *     state      session  direct path    data goes to        pings
 *     idle       no       none           relay               none
 *     dormant    no       not trusted    direct and relay    none
 *     lingering  no       trusted        direct              none
 *     relayed    yes      none           relay               discovery
 *     both       yes      not trusted    direct and relay    heartbeat and discovery
 *     direct     yes      trusted        direct              heartbeat
 *
 * After Tailscale's magicsock: IDLE, RELAYED, BOTH and DIRECT, with IDLE told apart by what it remembers.
 */

export type PathState = 'idle' | 'dormant' | 'lingering' | 'relayed' | 'both' | 'direct';

export type PathEvent =
  /** Something is to be sent, or a person pings. */
  | 'session-started'
  /** Nothing was sent for 45 s. */
  | 'session-ended'
  /** A pong made a direct path ours, or renewed its trust. */
  | 'path-proven'
  /** The path's trust ran out, or two fast pings were lost. */
  | 'trust-lost'
  /** The path is gone: its ping timed out without trust, it is unreachable, or the network changed. */
  | 'path-lost';

type Row = Readonly<Record<PathEvent, PathState>>;

const TABLE: Readonly<Record<PathState, Row>> = {
  idle: {
    'session-started': 'relayed',
    'session-ended': 'idle',
    'path-proven': 'lingering',
    'trust-lost': 'idle',
    'path-lost': 'idle',
  },
  dormant: {
    'session-started': 'both',
    'session-ended': 'dormant',
    'path-proven': 'lingering',
    'trust-lost': 'dormant',
    'path-lost': 'idle',
  },
  lingering: {
    'session-started': 'direct',
    'session-ended': 'lingering',
    'path-proven': 'lingering',
    'trust-lost': 'dormant',
    'path-lost': 'idle',
  },
  relayed: {
    'session-started': 'relayed',
    'session-ended': 'idle',
    'path-proven': 'direct',
    'trust-lost': 'relayed',
    'path-lost': 'relayed',
  },
  both: {
    'session-started': 'both',
    'session-ended': 'dormant',
    'path-proven': 'direct',
    'trust-lost': 'both',
    'path-lost': 'relayed',
  },
  direct: {
    'session-started': 'direct',
    'session-ended': 'lingering',
    'path-proven': 'direct',
    'trust-lost': 'both',
    'path-lost': 'relayed',
  },
};

/** The state after `event`. */
export function nextPathState(state: PathState, event: PathEvent): PathState {
  return TABLE[state][event];
}

/** Data may leave the relay out. */
export function isTrusted(state: PathState): boolean {
  return state === 'direct' || state === 'lingering';
}

/** Something was sent within the last 45 s. */
export function inSession(state: PathState): boolean {
  return state === 'relayed' || state === 'both' || state === 'direct';
}

/** A direct path is known, trusted or not. */
export function hasPath(state: PathState): boolean {
  return state !== 'idle' && state !== 'relayed';
}
