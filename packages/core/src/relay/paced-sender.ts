/**
 * What a client still has to put on the stream: packets that wait for the handshake or for the rate that the server
 * announced. Disco goes first. Both queues are bounded by number and by age, and every drop is counted: a packet
 * that comes late is worth less than the next one.
 */
import type { Counters } from '../base/counters.js';
import { after, type Instant } from '../base/instant.js';
import { ByteBucket } from './byte-bucket.js';
import type { TokenBucketLimit } from './hello.js';

/** The official client holds 32 packets; a burst of one peer's window fits into 128. */
const DATA_MAX_PACKETS = 128;
const DISCO_MAX_PACKETS = 64;
/** TCP above has resent by then; path discovery has tried again. */
const AGE_MAX_MS = 1000;

interface Waiting {
  readonly frame: Uint8Array;
  readonly since: Instant;
}

export class PacedSender {
  readonly #counters: Counters;
  readonly #disco: Waiting[] = [];
  readonly #data: Waiting[] = [];
  #bucket: ByteBucket | undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** From now on frames leave at this rate; undefined: no limit. */
  setLimit(limit: TokenBucketLimit | undefined, now: Instant): void {
    this.#bucket = limit === undefined ? undefined : new ByteBucket(limit, now);
  }

  /** Queues a whole SendPacket frame. */
  add(frame: Uint8Array, isDisco: boolean, now: Instant): void {
    const queue = isDisco ? this.#disco : this.#data;
    if (queue.length >= (isDisco ? DISCO_MAX_PACKETS : DATA_MAX_PACKETS)) {
      queue.shift();
      this.#counters.add('send-queue-full');
    }
    queue.push({ frame, since: now });
  }

  /** The next frame that may leave now. */
  take(now: Instant): Uint8Array | undefined {
    this.#dropOld(this.#disco, now);
    this.#dropOld(this.#data, now);
    const queue = this.#disco.length > 0 ? this.#disco : this.#data;
    const next = queue[0];
    if (next === undefined || this.#bucket?.take(next.frame.length, now) === false)
      return undefined;
    queue.shift();
    return next.frame;
  }

  /** When {@link take} may have something again; undefined when nothing waits. */
  readyAt(now: Instant): Instant | undefined {
    const next = this.#disco[0] ?? this.#data[0];
    return next === undefined ? undefined : (this.#bucket?.readyAt(next.frame.length, now) ?? now);
  }

  #dropOld(queue: Waiting[], now: Instant): void {
    while (queue[0] !== undefined && after(queue[0].since, AGE_MAX_MS) < now) {
      queue.shift();
      this.#counters.add('send-too-old');
    }
  }
}
