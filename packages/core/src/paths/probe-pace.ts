/**
 * How fast the search for ports sends, all attempts of the node together: never more than 500 pings in any second.
 * A burst is allowed (many sockets open their NAT at once), and is paid for by the silence behind it.
 */
import { after, type Instant } from '../base/instant.js';

/** A flow is new to every NAT on the way: so many a second are far below what home routers bear. */
export const probesPerSecond = 500;
const windowMs = 1000;
/** Pings within so long count as sent at once, which keeps the record at 100 entries. */
const grainMs = 10;

export class ProbePace {
  /** What was sent within the last second, oldest first. */
  #sent: { readonly at: Instant; count: number }[] = [];
  #total = 0;

  /** How many of `wanted` pings may go now; they count as sent. */
  take(wanted: number, now: Instant): number {
    this.#forget(now);
    const count = Math.min(wanted, probesPerSecond - this.#total);
    if (count <= 0) return 0;
    const last = this.#sent.at(-1);
    if (last !== undefined && now < after(last.at, grainMs)) last.count += count;
    else this.#sent.push({ at: now, count });
    this.#total += count;
    return count;
  }

  /** When some may go again: now, unless all of a second's are spent. */
  freeAt(now: Instant): Instant {
    this.#forget(now);
    const [oldest] = this.#sent;
    return this.#total < probesPerSecond || oldest === undefined
      ? now
      : after(oldest.at, windowMs + grainMs);
  }

  #forget(now: Instant): void {
    // What counts at its beginning may have been sent up to a grain later.
    const isOver = ({ at }: { readonly at: Instant }): boolean =>
      now >= after(at, windowMs + grainMs);
    const first = this.#sent.findIndex((one) => !isOver(one));
    const over = first === -1 ? this.#sent : this.#sent.slice(0, first);
    for (const { count } of over) this.#total -= count;
    if (over.length > 0) this.#sent = this.#sent.slice(over.length);
  }
}
