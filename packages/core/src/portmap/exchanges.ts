/** Requests on the way to a server that answers by datagrams: sent again and again until answered or given up. */
import { after, earliest, type Instant } from '../base/instant.js';

/** RFC 6886 section 3.1: the first wait, doubled with every attempt. */
const FIRST_WAIT_MS = 250;

/** Waits after each of `attempts` sendings. */
export function doublingWaits(attempts: number): readonly number[] {
  return Array.from({ length: attempts }, (_, index) => FIRST_WAIT_MS * 2 ** index);
}

interface Exchange {
  readonly bytes: Uint8Array;
  readonly waitsMs: readonly number[];
  sent: number;
  nextAt: Instant;
}

/** Keys are the caller's, and so is their number. */
export class Exchanges {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #gaveUp: (key: string, now: Instant) => void;
  readonly #pending = new Map<string, Exchange>();

  constructor(send: (bytes: Uint8Array) => void, gaveUp: (key: string, now: Instant) => void) {
    this.#send = send;
    this.#gaveUp = gaveUp;
  }

  get size(): number {
    return this.#pending.size;
  }

  has(key: string): boolean {
    return this.#pending.has(key);
  }

  /** Sends now, and again after each of `waitsMs` but the last; another one of the same key is dropped. */
  start(key: string, bytes: Uint8Array, waitsMs: readonly number[], now: Instant): void {
    const [firstMs = 0] = waitsMs;
    this.#pending.set(key, { bytes, waitsMs, sent: 1, nextAt: after(now, firstMs) });
    this.#send(bytes);
  }

  /** Answered, or not wanted any more; true when it was under way. */
  end(key: string): boolean {
    return this.#pending.delete(key);
  }

  clear(): void {
    this.#pending.clear();
  }

  runTimers(now: Instant): void {
    for (const [key, exchange] of [...this.#pending]) {
      if (now < exchange.nextAt) continue;
      const waitMs = exchange.waitsMs[exchange.sent];
      if (waitMs === undefined) {
        this.#pending.delete(key);
        this.#gaveUp(key, now);
      } else {
        exchange.sent += 1;
        exchange.nextAt = after(now, waitMs);
        this.#send(exchange.bytes);
      }
    }
  }

  nextTimeout(): Instant | undefined {
    return earliest(...[...this.#pending.values()].map(({ nextAt }) => nextAt));
  }
}
