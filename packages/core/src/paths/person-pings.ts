/** Pings that a person waits for: each is answered once, by the first pong or by its deadline. */
import { after, type Instant } from '../base/instant.js';
import { pingTimeoutMs } from './pings.js';

/** Per peer: a ping a second for 5 s is 5; more is a script, and its oldest ping is given up. */
export const maxPersonPings = 64;

export class PersonPings {
  /** Deadline by number, in the order of starting, so of expiry. */
  readonly #deadlines = new Map<number, Instant>();

  /** Waits for the answer to `id`. Returns the ping that had to make room, if any. */
  start(id: number, now: Instant): number | undefined {
    this.#deadlines.set(id, after(now, pingTimeoutMs));
    if (this.#deadlines.size <= maxPersonPings) return undefined;
    for (const oldest of this.#deadlines.keys()) {
      this.#deadlines.delete(oldest);
      return oldest;
    }
    return undefined;
  }

  /** True once per ping: the first answer. */
  settle(id: number): boolean {
    return this.#deadlines.delete(id);
  }

  /** Removes and returns the pings without an answer. */
  expire(now: Instant): number[] {
    const lost: number[] = [];
    for (const [id, deadline] of this.#deadlines) {
      if (deadline > now) break;
      this.#deadlines.delete(id);
      lost.push(id);
    }
    return lost;
  }

  /** Removes and returns all. */
  clear(): number[] {
    const all = [...this.#deadlines.keys()];
    this.#deadlines.clear();
    return all;
  }

  nextTimeout(): Instant | undefined {
    for (const deadline of this.#deadlines.values()) return deadline;
    return undefined;
  }
}
