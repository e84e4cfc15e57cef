/**
 * Inputs and outputs of the two DERP machines. Both speak bytes of one ordered stream (after the HTTP
 * upgrade, which is the shell's); framing, keys, queues and limits are theirs.
 */

import type { Instant } from '../base/instant.js';
import type { AddressCheckAnswer } from '../engines/address-check.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { NodeKey, RelayKey } from '../keys/keys.js';

/** Why a peer can't be reached on a region: its last connection ended, or it was never there. */
export type PeerGoneReason = 'disconnected' | 'not-here';

export type RelayClientInput =
  /** Bytes from the server, any cut. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'send'; readonly peer: NodeKey; readonly packet: Uint8Array }
  /** The stream takes so many bytes of packets; more wait, fair between peers. Until it is said: any number. */
  | { readonly type: 'room'; readonly bytes: number }
  /** Tells the server whether this region is our home. */
  | { readonly type: 'prefer'; readonly home: boolean }
  /** Asks for a pong within 3 s, else `close`. */
  | { readonly type: 'probe' }
  /** Asks for a datagram with `token` (12 bytes) to UDP `port` of the address we connect from; see `ready`. */
  | {
      readonly type: 'dial-back';
      readonly token: Uint8Array;
      readonly port: number;
      /** From the relay's alternate STUN port, if it has one. */
      readonly fromAlternate?: boolean;
    }
  /** Asks whether the relay's STUN server gave `token` (16 bytes) for `address`; `id` is 8 bytes. See `ready`. */
  | {
      readonly type: 'check-address';
      readonly id: Uint8Array;
      readonly address: IpAddress;
      readonly token: Uint8Array;
    }
  | { readonly type: 'timeout' };

export type RelayClientOutput =
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** The server proved its key and took ours: packets flow. */
  | {
      readonly type: 'ready';
      readonly serverKey: RelayKey;
      /** The server understands `dial-back` and `check-address`; others would not answer. */
      readonly dialsBack: boolean;
    }
  | ({ readonly type: 'dial-back-answer' } & DialBackAnswer)
  | ({ readonly type: 'address-check-answer' } & AddressCheckAnswer)
  | { readonly type: 'packet'; readonly source: NodeKey; readonly packet: Uint8Array }
  | { readonly type: 'peer-gone'; readonly peer: NodeKey; readonly reason: PeerGoneReason }
  /** Trouble that the server reports; empty: over. */
  | { readonly type: 'health'; readonly problem: string }
  | { readonly type: 'restarting'; readonly reconnectInMs: number; readonly tryForMs: number }
  /** The machine is finished: close the stream. `reason` is stable kebab-case. */
  | { readonly type: 'close'; readonly reason: string };

/** A connection of the server, numbered by its shell. */
export type RelayConnectionId = number;

export type RelayServerInput =
  | { readonly type: 'accept'; readonly connection: RelayConnectionId; readonly source: string }
  | { readonly type: 'bytes'; readonly connection: RelayConnectionId; readonly bytes: Uint8Array }
  /** The stream took everything written so far; more may be polled for it. */
  | { readonly type: 'drained'; readonly connection: RelayConnectionId }
  | { readonly type: 'closed'; readonly connection: RelayConnectionId }
  /** The shell sent the datagram of a `dial-back` output, or could not. */
  | {
      readonly type: 'dialled-back';
      readonly connection: RelayConnectionId;
      readonly token: Uint8Array;
      readonly target: Endpoint;
      readonly sent: boolean;
    }
  /** The server shuts down: clients are told when to come back, then closed; nobody new is accepted. */
  | { readonly type: 'drain' }
  | { readonly type: 'timeout' };

export type RelayServerOutput =
  /** The shell answers with `drained` once the stream's buffer is empty; one write is under way at a time. */
  | { readonly type: 'write'; readonly connection: RelayConnectionId; readonly bytes: Uint8Array }
  | { readonly type: 'close'; readonly connection: RelayConnectionId; readonly reason: string }
  /** Send one Binding indication with this token from the STUN socket; the answer is `dialled-back`. */
  | {
      readonly type: 'dial-back';
      readonly connection: RelayConnectionId;
      readonly token: Uint8Array;
      readonly target: Endpoint;
      /** From the alternate STUN port if there is one. */
      readonly fromAlternate: boolean;
    };

/** What crossed the relay from one key to another since start. Disco is told from data by its magic. */
export interface RelayPairCounters {
  readonly source: NodeKey;
  readonly target: NodeKey;
  readonly discoFrames: number;
  readonly dataFrames: number;
  readonly dataBytes: number;
}

/** One connection of the server, for operators. Packets as the client sees them: sent by it, received by it. */
export interface RelayConnectionSummary {
  readonly connection: RelayConnectionId;
  readonly source: string;
  /** Undefined until the client has proved it. */
  readonly key: NodeKey | undefined;
  readonly acceptedAt: Instant;
  readonly heardAt: Instant;
  /** Receives for its key: always true unless the key has several connections. */
  readonly active: boolean;
  /** The client calls this relay its home. */
  readonly home: boolean;
  readonly appName: string;
  readonly queuedPackets: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
}
