/**
 * The whole conversation between the two engines. They share nothing else.
 *
 * Down goes from the PathEngine (decisions) to the PacketEngine (packets); Up goes back. In the daemon
 * the two sit in two threads, so every message is plain data that survives a structured clone; in the
 * simulator a delay lies between them. Byte arrays are handed over: the sender doesn't touch them again.
 */
import type { Instant } from '../base/instant.js';
import type { Endpoint, IpFamily } from '../ip/address.js';
import type { Prefix } from '../ip/prefix.js';
import type { NodeKey, NodePrivateKey } from '../keys/keys.js';
import type { FilterRule } from './filter-rule.js';
import type { DirectPath, Path, RegionId, SocketId } from './paths.js';

/** A packet that crosses a relay, in either direction. */
export interface RelayPacket {
  readonly peer: NodeKey;
  readonly regionId: RegionId;
  readonly bytes: Uint8Array;
}

/** PathEngine to PacketEngine. */
export type DownMessage =
  /** Our WireGuard identity. A different key ends all sessions. */
  | { readonly type: 'set-identity'; readonly privateKey: NodePrivateKey }
  /**
   * Who may send what to us, and which addresses are ours: a packet to others isn't taken in, one from others
   * isn't sent. Until the first of these nothing passes in either direction.
   */
  | {
      readonly type: 'set-filter';
      readonly rules: readonly FilterRule[];
      readonly localAddresses: readonly Prefix[];
    }
  /** Adds a peer or replaces its settings; sessions survive. */
  | {
      readonly type: 'set-peer';
      readonly peer: NodeKey;
      readonly allowedIps: readonly Prefix[];
      /** 0: off. */
      readonly keepaliveMs: number;
      /**
       * For a peer without disco (plain WireGuard): its path follows the source of its last authenticated
       * packet. Never set for peers that prove paths by ping.
       */
      readonly followsSource: boolean;
      /** What it sends comes in only as an answer to what we began. Absent: the filter's rules hold for it. */
      readonly isJailed?: true;
    }
  | { readonly type: 'remove-peer'; readonly peer: NodeKey }
  /** The peer's process is a new one, which has none of our session's keys: agree on new ones at once. */
  | { readonly type: 'peer-restarted'; readonly peer: NodeKey }
  /** Every packet to `peer` goes out on each of `paths` (one, or direct and relay); empty: packets wait or drop. */
  | { readonly type: 'set-paths'; readonly peer: NodeKey; readonly paths: readonly Path[] }
  /** Opens a UDP socket; port 0: any. Answered by `socket-open` or `socket-failed`. */
  | {
      readonly type: 'open-socket';
      readonly socketId: SocketId;
      readonly family: IpFamily;
      readonly port: number;
    }
  | { readonly type: 'close-socket'; readonly socketId: SocketId }
  /** A disco or STUN datagram to send as it is. */
  | {
      readonly type: 'send';
      readonly socketId: SocketId;
      readonly remote: Endpoint;
      readonly bytes: Uint8Array;
      /** The router on its way, counted from 1, at which it dies at the latest. Absent: the system's default. */
      readonly ttl?: number;
    }
  /** WireGuard packets that came in over relays. */
  | { readonly type: 'relay-received'; readonly packets: readonly RelayPacket[] }
  /** Asks for one `counters` message. */
  | { readonly type: 'report-counters' };

/** Per-peer totals since start. */
export interface PeerCounters {
  readonly peer: NodeKey;
  /** Bytes of tunnelled IP packets. */
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly lastHandshakeAt: Instant | undefined;
}

/** PacketEngine to PathEngine. */
export type UpMessage =
  | { readonly type: 'socket-open'; readonly socketId: SocketId; readonly port: number }
  | { readonly type: 'socket-failed'; readonly socketId: SocketId; readonly reason: string }
  /** A datagram that is not WireGuard. */
  | {
      readonly type: 'datagram';
      readonly kind: 'disco' | 'stun';
      readonly socketId: SocketId;
      readonly source: Endpoint;
      readonly bytes: Uint8Array;
      readonly receivedAt: Instant;
    }
  /** WireGuard packets to put on relays. */
  | { readonly type: 'relay-send'; readonly packets: readonly RelayPacket[] }
  /** A WireGuard handshake completed (as either side) over `path`. */
  | {
      readonly type: 'handshake-done';
      readonly peer: NodeKey;
      readonly at: Instant;
      readonly path: Path;
    }
  /** We have something to send to the peer: sent at once after a pause of 1 s or more, then once a second. */
  | { readonly type: 'peer-active'; readonly peer: NodeKey; readonly at: Instant }
  /** Authenticated WireGuard data arrived on `path`; at most once a second per peer and path. */
  | {
      readonly type: 'authenticated';
      readonly peer: NodeKey;
      readonly path: Path;
      readonly at: Instant;
    }
  /** The path of a `followsSource` peer moved. */
  | { readonly type: 'roamed'; readonly peer: NodeKey; readonly path: DirectPath }
  /** The operating system refused a send (EHOSTUNREACH, EPERM ...); at most one per socket, remote and second. */
  | {
      readonly type: 'send-failed';
      readonly socketId: SocketId;
      readonly remote: Endpoint;
      readonly reason: string;
    }
  | {
      readonly type: 'counters';
      readonly peers: readonly PeerCounters[];
      /** Everything dropped or refused, by reason. */
      readonly totals: Readonly<Record<string, number>>;
    };
