/**
 * How much work one source may cause before control knows who it is. A handshake costs the server four key
 * exchanges and a connection memory, so of guests there are few at a time, and few new ones a second, by
 * address (IPv6 by /64).
 */
import type { Instant } from '@warren/core/base/instant';
import { TokenBucket } from '@warren/core/base/token-bucket';
import { familyOf, parseAddress } from '@warren/core/ip/address';
import { prefixOf } from '@warren/core/ip/prefix';

/** Starts at once from one source: an office behind one NAT that comes back after an outage. */
const burst = 200;
/** Starts per second afterwards; clients back off by themselves. */
const perSecond = 20;
/** Guests of one source at a time; members of the network don't count. */
const guestsPerSourceMax = 64;
/** The same for all sources together. */
const guestsMax = 2048;
/** Sources remembered; the oldest without a handshake under way is forgotten. */
const sourcesMax = 8192;

interface Source {
  readonly bucket: TokenBucket;
  guests: number;
}

export class SourceLimits {
  readonly #sources = new Map<string, Source>();
  #guests = 0;

  /**
   * Asks to start a handshake from an address. Undefined: refused. Otherwise the connection counts as a guest
   * until the answer is called, once or more: it became a member, or it ended.
   */
  admit(address: string, now: Instant): (() => void) | undefined {
    const source = this.#source(address);
    if (source === undefined || this.#guests >= guestsMax) return undefined;
    if (source.guests >= guestsPerSourceMax || !source.bucket.take(now)) return undefined;
    source.guests++;
    this.#guests++;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      source.guests--;
      this.#guests--;
    };
  }

  #source(address: string): Source | undefined {
    const key = sourceOf(address);
    const known = this.#sources.get(key);
    if (known !== undefined) {
      // Most recent last, so that eviction meets the oldest first.
      this.#sources.delete(key);
      this.#sources.set(key, known);
      return known;
    }
    if (this.#sources.size >= sourcesMax && !this.#evict()) return undefined;
    const fresh = { bucket: new TokenBucket(burst, perSecond), guests: 0 };
    this.#sources.set(key, fresh);
    return fresh;
  }

  #evict(): boolean {
    for (const [key, source] of this.#sources) {
      if (source.guests > 0) continue;
      this.#sources.delete(key);
      return true;
    }
    return false;
  }
}

/** What one subscriber holds: an IPv4 address, or a /64. */
export function sourceOf(address: string): string {
  const parsed = parseAddress(address.replace(/%.*$/, ''));
  if (parsed === undefined) return 'unknown';
  return familyOf(parsed) === 4 ? parsed : prefixOf(parsed, 64);
}
