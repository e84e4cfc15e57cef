/**
 * How many handshakes one source may cost us a second while we are under load.
 *
 * Sources have proven their address by then (or a relay vouches for their key), so a table of them can't be
 * filled by forgery; it is bounded all the same. A source that pauses until its bucket is full again is the
 * same as one never seen and may be forgotten.
 *
 * Source: WireGuard whitepaper, section 5.3; the figures are those of its implementations.
 */
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';

/** An honest peer begins once in 5 s, a restarted one repeats a few times; a NAT hides some dozens of them. */
export const SOURCE_HANDSHAKES_PER_SECOND = 20;
export const SOURCE_HANDSHAKE_BURST = 5;
/** Sources at a time: as many as need more than 80,000 handshakes a second to keep their places. */
export const MAX_LIMITED_SOURCES = 4_096;

const FULL_AGAIN_MS = (SOURCE_HANDSHAKE_BURST / SOURCE_HANDSHAKES_PER_SECOND) * 1_000;

interface Limited {
  readonly bucket: TokenBucket;
  usedAt: Instant;
}

export class SourceLimiter {
  /** In the order of their last use. */
  readonly #sources = new Map<string, Limited>();

  get size(): number {
    return this.#sources.size;
  }

  /** Takes one handshake from `source`'s share; false: it has none left, or there is no room to watch it. */
  allow(source: string, now: Instant): boolean {
    this.#forgetIdle(now);
    let limited = this.#sources.get(source);
    if (limited === undefined) {
      if (this.#sources.size >= MAX_LIMITED_SOURCES) return false;
      const bucket = new TokenBucket(SOURCE_HANDSHAKE_BURST, SOURCE_HANDSHAKES_PER_SECOND);
      limited = { bucket, usedAt: now };
    }
    limited.usedAt = now;
    this.#sources.delete(source);
    this.#sources.set(source, limited);
    return limited.bucket.take(now);
  }

  /** Two at most per call: the table shrinks faster than it grows, and no call pays for a crowd. */
  #forgetIdle(now: Instant): void {
    let looked = 0;
    for (const [source, { usedAt }] of this.#sources) {
      if (looked++ === 2 || now - usedAt < FULL_AGAIN_MS) return;
      this.#sources.delete(source);
    }
  }
}
