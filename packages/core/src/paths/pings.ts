/**
 * Our pings that wait for a pong: random transaction ids, 5 s, used once.
 */
import { encodeHex } from '../base/bytes.js';
import { after, type Instant } from '../base/instant.js';
import type { Path } from '../engines/paths.js';
import type { Random } from '../ports.js';

/** Official nodes forget a transaction after this; a later pong would prove nothing fresh. */
export const pingTimeoutMs = 5000;
/** Per peer: a full table of candidates, pinged by an impatient person, with room. */
export const maxPingsInFlight = 512;
/** As disco and STUN have it. */
export const transactionIdBytes = 12;

/** A ping under way. `personId`: it also answers a person's ping of that number. */
export interface SentPing {
  readonly path: Path;
  readonly sentAt: Instant;
  readonly personId: number | undefined;
}

export class PingsInFlight {
  readonly #random: Random;
  /** In the order of sending, so of expiry. */
  readonly #sent = new Map<string, SentPing>();
  #overflows = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#sent.size;
  }

  /** Pings forgotten early because too many were under way. */
  get overflows(): number {
    return this.#overflows;
  }

  /** Remembers a ping over `path` and returns its transaction id. */
  start(path: Path, now: Instant, personId?: number): Uint8Array {
    const transactionId = this.#random.fill(new Uint8Array(transactionIdBytes));
    this.#sent.set(encodeHex(transactionId), { path, sentAt: now, personId });
    if (this.#sent.size > maxPingsInFlight) {
      for (const oldest of this.#sent.keys()) {
        this.#sent.delete(oldest);
        break;
      }
      this.#overflows++;
    }
    return transactionId;
  }

  /** The ping that `transactionId` would answer; it stays under way. */
  find(transactionId: Uint8Array): SentPing | undefined {
    return this.#sent.get(encodeHex(transactionId));
  }

  /** True when the id is one of ours, not yet answered. */
  has(transactionId: Uint8Array): boolean {
    return this.#sent.has(encodeHex(transactionId));
  }

  /** The ping that `transactionId` answers, once. */
  take(transactionId: Uint8Array): SentPing | undefined {
    const key = encodeHex(transactionId);
    const ping = this.#sent.get(key);
    this.#sent.delete(key);
    return ping;
  }

  /** Removes and returns the pings that were not answered in time. */
  expire(now: Instant): SentPing[] {
    const lost: SentPing[] = [];
    for (const [key, ping] of this.#sent) {
      if (after(ping.sentAt, pingTimeoutMs) > now) break;
      this.#sent.delete(key);
      lost.push(ping);
    }
    return lost;
  }

  /** When the next ping is lost. */
  nextTimeout(): Instant | undefined {
    for (const ping of this.#sent.values()) return after(ping.sentAt, pingTimeoutMs);
    return undefined;
  }

  /** Forgets all: a pong that comes now says nothing about the network we are in. */
  forget(): void {
    this.#sent.clear();
  }
}
