/**
 * One connection as the relay server keeps it. Plain state; server.ts owns every transition.
 *
 *     greeting --ClientInfo--> open --(refused, drained)--> closing --flushed--> gone
 */
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import type { NodeKey } from '../keys/keys.js';
import type { ByteBucket } from './byte-bucket.js';
import type { MemoryBudget } from './fair-queue.js';
import { type FrameLimits, FrameReader } from './frame-reader.js';
import {
  CLIENT_INFO_MAX_BYTES,
  FrameType,
  KEY_BYTES,
  PACKET_MAX_BYTES,
  PING_MAX_BYTES,
} from './frames.js';
import type { ClientInfo } from './hello.js';
import type { RelayConnectionId } from './io.js';
import { NodeKeyMemo } from './node-key-memo.js';
import { SendQueue } from './send-queue.js';

/** From the greeting to ClientInfo, as the official server allows. */
const HANDSHAKE_MS = 10_000;
/** A reader that takes nothing of a write of at most 64 KiB for this long is gone or not worth the memory. */
const WRITE_MS = 10_000;
/** A last control frame (why we refuse, when to come back) gets this long to leave. */
const CLOSING_MS = 2_000;
/** A client that answers pings has answered by then even from a train. */
const PING_ANSWER_MS = 15_000;
/** PeerGone(not-here) answers to one sender: three at once, one a second. */
const NOT_HERE_BURST = 3;
const NOT_HERE_PER_SECOND = 1;
/** Datagrams that a client gets to ask for: some at a start, then one in 10 s. */
const DIAL_BACK_BURST = 6;
const DIAL_BACK_PER_SECOND = 0.1;
/** Address checks: a node is asked to probe by few peers at a time, and asks once for each in ten minutes. */
const ADDRESS_CHECK_BURST = 16;
const ADDRESS_CHECK_PER_SECOND = 1;
/** Room for what later versions append. */
const OWN_FRAME_MAX_BYTES = 256;

/** What a client may send. ClientInfo is long because the official server allows it. */
const LIMITS: FrameLimits = new Map<number, number>([
  [FrameType.clientInfo, CLIENT_INFO_MAX_BYTES],
  [FrameType.sendPacket, KEY_BYTES + PACKET_MAX_BYTES],
  [FrameType.forwardPacket, 2 * KEY_BYTES + PACKET_MAX_BYTES],
  [FrameType.notePreferred, 1],
  [FrameType.watchConns, 0],
  [FrameType.closePeer, KEY_BYTES],
  [FrameType.ping, PING_MAX_BYTES],
  [FrameType.pong, PING_MAX_BYTES],
  [FrameType.dialBack, OWN_FRAME_MAX_BYTES],
  [FrameType.addressCheck, OWN_FRAME_MAX_BYTES],
]);

/** Who a connection turned out to be. */
export interface Client {
  readonly key: NodeKey;
  readonly rawKey: Uint8Array;
  readonly info: ClientInfo;
}

export class Connection {
  readonly id: RelayConnectionId;
  /** Address of the peer, for limits and statistics. */
  readonly source: string;
  readonly acceptedAt: Instant;
  readonly reader = new FrameReader(LIMITS);
  readonly keys = new NodeKeyMemo();
  readonly queue: SendQueue;
  readonly notHere = new TokenBucket(NOT_HERE_BURST, NOT_HERE_PER_SECOND);
  readonly dialBacks = new TokenBucket(DIAL_BACK_BURST, DIAL_BACK_PER_SECOND);
  readonly addressChecks = new TokenBucket(ADDRESS_CHECK_BURST, ADDRESS_CHECK_PER_SECOND);
  /** Sources whose PeerGone this connection is owed. */
  readonly heardFrom = new Set<NodeKey>();

  /** Undefined until ClientInfo was accepted. */
  client: Client | undefined;
  /** What the client may send; undefined: anything. */
  rate: ByteBucket | undefined;
  isHome = false;
  heardAt: Instant;
  /** Set while a write is under way. */
  writeStartedAt: Instant | undefined;
  keepAliveAt: Instant | undefined;
  keepAlivePeriodMs = 0;
  /** A ping of ours that waits for any sign of life. */
  pingedAt: Instant | undefined;
  /** Set: nothing more is read, and the connection closes when its control frames are out. */
  closing: { readonly reason: string; readonly until: Instant } | undefined;
  /** The earliest deadline that the server's heap holds for us. */
  armedFor: Instant | undefined;
  /** Packets and packet bytes, as the client sees them. */
  sentPackets = 0;
  sentBytes = 0;
  receivedPackets = 0;
  receivedBytes = 0;

  constructor(
    id: RelayConnectionId,
    source: string,
    memory: MemoryBudget,
    counters: Counters,
    now: Instant,
  ) {
    this.id = id;
    this.source = source;
    this.acceptedAt = now;
    this.heardAt = now;
    this.queue = new SendQueue(memory, counters);
  }

  isClosing(): boolean {
    return this.closing !== undefined;
  }

  /** Why this connection has to close at `now`; undefined: it has not. */
  overdue(now: Instant): string | undefined {
    if (this.closing !== undefined && now >= this.closing.until) return this.closing.reason;
    if (this.writeStartedAt !== undefined && now >= after(this.writeStartedAt, WRITE_MS)) {
      return 'slow-reader';
    }
    if (this.client === undefined && now >= after(this.acceptedAt, HANDSHAKE_MS)) {
      return 'handshake-timeout';
    }
    if (this.pingedAt !== undefined && now >= after(this.pingedAt, PING_ANSWER_MS)) {
      return 'ping-timeout';
    }
    return undefined;
  }

  /** When the server must look at this connection next. */
  deadline(pingSilentAfterMs: number | undefined): Instant {
    const handshake = after(this.acceptedAt, HANDSHAKE_MS);
    return (
      earliest(
        this.closing?.until,
        this.writeStartedAt === undefined ? undefined : after(this.writeStartedAt, WRITE_MS),
        this.client === undefined ? handshake : this.keepAliveAt,
        this.pingDeadline(pingSilentAfterMs),
      ) ?? handshake
    );
  }

  /** When to ping, or when the answer is overdue; undefined: this client isn't pinged. */
  pingDeadline(pingSilentAfterMs: number | undefined): Instant | undefined {
    if (pingSilentAfterMs === undefined || this.client?.info.canAckPings !== true) return undefined;
    if (this.pingedAt !== undefined) return after(this.pingedAt, PING_ANSWER_MS);
    return after(this.heardAt, pingSilentAfterMs);
  }

  /** Starts to close; packets are given up, control frames still leave. */
  startClosing(reason: string, now: Instant): void {
    this.closing ??= { reason, until: after(now, CLOSING_MS) };
    this.queue.clearPackets();
  }
}
