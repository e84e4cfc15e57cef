/**
 * What a client still has to put on the stream: packets that wait for the handshake, for room in the stream, or for
 * the rate that the server announced. Disco goes first; all else is fair between the peers that it is for, so that a
 * flood to one of them costs the others nothing. Both queues are bounded by number, bytes and age, and every drop is
 * counted: a packet that comes late is worth less than the next one.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';
import { ByteBucket } from './byte-bucket.js';
import { FairQueue, type FairQueueLimits, type MemoryBudget } from './fair-queue.js';
import type { TokenBucketLimit } from './hello.js';

/** TCP above has resent by then; path discovery has tried again. */
const AGE_MAX_MS = 1000;
/** The official client holds 32 packets; here a burst to several peers fits. 100 ms at 20 Mbit/s. */
const DATA_LIMITS: FairQueueLimits = {
  packetsMax: 256,
  bytesMax: 256 * 1024,
  ageMaxMs: AGE_MAX_MS,
};
const DISCO_LIMITS: FairQueueLimits = {
  packetsMax: 64,
  bytesMax: 32 * 1024,
  ageMaxMs: AGE_MAX_MS,
};

export class PacedSender {
  readonly #disco: FairQueue;
  readonly #data: FairQueue;
  #bucket: ByteBucket | undefined;
  /** Bytes that the stream takes. */
  #roomBytes = Number.POSITIVE_INFINITY;

  constructor(counters: Counters) {
    // No more than the limits of both.
    const memory: MemoryBudget = { bytesMax: Number.POSITIVE_INFINITY, usedBytes: 0 };
    this.#disco = new FairQueue('send-disco', DISCO_LIMITS, memory, counters);
    this.#data = new FairQueue('send-data', DATA_LIMITS, memory, counters);
  }

  /** From now on frames leave at this rate; undefined: no limit. */
  setLimit(limit: TokenBucketLimit | undefined, now: Instant): void {
    this.#bucket = limit === undefined ? undefined : new ByteBucket(limit, now);
  }

  /** The stream takes so many bytes more; the last frame may exceed them. */
  setRoom(bytes: number): void {
    this.#roomBytes = bytes;
  }

  /** Queues a whole SendPacket frame for `peer`. */
  add(peer: NodeKey, frame: Uint8Array, isDisco: boolean, now: Instant): void {
    (isDisco ? this.#disco : this.#data).add(peer, frame, now);
  }

  /** The next frame that may leave now. */
  take(now: Instant): Uint8Array | undefined {
    if (this.#roomBytes <= 0) return undefined;
    const disco = this.#disco.peek(now);
    const next = disco ?? this.#data.peek(now);
    if (next === undefined || this.#bucket?.take(next.length, now) === false) return undefined;
    this.#roomBytes -= next.length;
    return (disco === undefined ? this.#data : this.#disco).take(now);
  }

  /** When {@link take} may have something again; undefined when nothing waits, or for room. */
  readyAt(now: Instant): Instant | undefined {
    if (this.#roomBytes <= 0) return undefined;
    const next = this.#disco.peek(now) ?? this.#data.peek(now);
    return next === undefined ? undefined : (this.#bucket?.readyAt(next.length, now) ?? now);
  }
}
