/** What an attempt is begun with, what it says, and how it may fail: port-attempt.ts. */
import type { SocketId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import type { Unpredictable } from './port-plan.js';
import type { Ports } from './ports.js';
import type { ProbePace } from './probe-pace.js';

export type AttemptFailure =
  | Unpredictable
  /** The peer sent no plan of its own: it has none, is busy, or is no Warren node. */
  | 'no-answer'
  /** Neither port can be told, and there are too many to guess. */
  | 'both-random'
  /** Too many other attempts are running. */
  | 'busy'
  | 'no-socket'
  | 'not-reached';

/** Our plan where nothing has to be measured for it. */
export interface KnownPlan {
  readonly ports: Ports;
  /** The socket that a list is about; undefined: a scatter's sockets are opened when they are needed. */
  readonly socketId: SocketId | undefined;
}

export interface PortAttemptOptions {
  readonly random: Random;
  readonly pace: ProbePace;
  /** 8 bytes as hex. */
  readonly id: string;
  /** Of the socket that is measured. */
  readonly socketId: SocketId;
  readonly known: KnownPlan | undefined;
  /** STUN servers over IPv4, on different addresses. */
  readonly servers: readonly Endpoint[];
  /** Ports of earlier mappings of the same network. */
  readonly seenPorts: readonly number[];
  /** Our NAT lets in whole addresses, and answers from the same port. */
  readonly isOpenToAddress: boolean;
  /** The peer's plan that is answered; undefined: we ask. */
  readonly theirs: Ports | undefined;
  /**
   * Where the peer is if it answers no plan, as a client that knows nothing of them: then calls ask it to guess.
   * Undefined: it is known to be one of ours.
   */
  readonly stock: Endpoint | undefined;
  /**
   * Hops that pings have which only open our NAT: enough for that, too few to get to the peer's firewall, which may
   * ban whom it sees so often. Undefined: as many as usual.
   */
  readonly openerTtl: number | undefined;
}

export type PortAttemptOutput =
  | { readonly type: 'open-socket' }
  /** Sockets of the pool; {@link PortAttempt.gathered} when they are there. */
  | { readonly type: 'gather'; readonly count: number }
  /** A STUN request. */
  | { readonly type: 'send'; readonly remote: Endpoint; readonly bytes: Uint8Array }
  | { readonly type: 'plan'; readonly ports: Ports; readonly isAnswer: boolean }
  | {
      readonly type: 'probe';
      readonly socketId: SocketId;
      readonly remote: Endpoint;
      readonly ttl: number | undefined;
    }
  /** A call over the relay that lists guesses of our own ports. */
  | { readonly type: 'call'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'failed'; readonly reason: AttemptFailure };
