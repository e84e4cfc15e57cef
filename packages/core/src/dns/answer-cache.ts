/**
 * Answers of resolvers, kept as long as they allow: by question and by what the client asked of DNSSEC, within
 * bounds of number and bytes; who was not asked for the longest makes room.
 *
 * An answer that names nothing is kept as long as its SOA record says, and not at all without one. Failures are
 * not kept. Sources: RFC 2181 section 8, RFC 2308 sections 3 and 5.
 */
import { viewOf } from '../base/bytes.js';
import { after, type Instant } from '../base/instant.js';
import { cacheBytesMax, cacheEntriesMax } from './limits.js';
import { type DnsMessage, isTruncated, RCODE, rcodeOf, TYPE } from './message.js';

/** However long a record may live: a day old one surprises people who changed it. */
const KEPT_S_MAX = 3600;
/** "There is no such name" is taken back sooner: RFC 2308 section 5 advises one to three hours at most. */
const NOTHING_KEPT_S_MAX = 300;
/** Of the SOA record's data, the last 32 bits. */
const SOA_MINIMUM_BYTES = 4;
const TTL_MAX = 0x7fffffff;

export interface CachedAnswer {
  readonly message: DnsMessage;
  readonly bytes: Uint8Array;
  readonly storedAt: Instant;
  readonly expiresAt: Instant;
}

/** How long an answer may be kept, in seconds; 0: not at all. */
export function lifetimeOf(message: DnsMessage, bytes: Uint8Array): number {
  const rcode = rcodeOf(message);
  const isKept = rcode === RCODE.noError || rcode === RCODE.nameError;
  if (!isKept || isTruncated(message) || (message.edns?.extendedRcode ?? 0) !== 0) return 0;
  const ttls = message.records
    .filter(({ section }) => section !== 'additional')
    // RFC 2181 section 8: a TTL with its highest bit set is zero.
    .map(({ ttl }) => (ttl > TTL_MAX ? 0 : ttl));
  const hasAnswer = message.records.some(
    ({ section, type }) => section === 'answer' && type === message.question.type,
  );
  if (hasAnswer && rcode === RCODE.noError) return Math.min(KEPT_S_MAX, ...ttls);
  const soa = message.records.find(
    ({ section, type, dataAt, end }) =>
      section === 'authority' && type === TYPE.soa && end - dataAt > SOA_MINIMUM_BYTES,
  );
  if (soa === undefined) return 0;
  const minimum = viewOf(bytes).getUint32(soa.end - SOA_MINIMUM_BYTES);
  return Math.min(NOTHING_KEPT_S_MAX, minimum, ...ttls);
}

export class AnswerCache {
  /** The one asked for last is at the end. */
  readonly #entries = new Map<string, CachedAnswer>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string, now: Instant): CachedAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#remove(key, entry);
    if (entry.expiresAt <= now) return undefined;
    this.#add(key, entry);
    return entry;
  }

  /** Keeps an answer as long as it allows. */
  put(key: string, message: DnsMessage, bytes: Uint8Array, now: Instant): void {
    const lifetimeS = lifetimeOf(message, bytes);
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    if (lifetimeS < 1) return;
    this.#add(key, { message, bytes, storedAt: now, expiresAt: after(now, 1000 * lifetimeS) });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= cacheEntriesMax && this.#bytes <= cacheBytesMax) break;
      this.#remove(oldest, entry);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #add(key: string, entry: CachedAnswer): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes.length;
  }

  #remove(key: string, entry: CachedAnswer): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes.length;
  }
}
