/**
 * Peers whose machine waits for a time. Most peers sleep; asking for the next time must not cost a walk over
 * thousands that talk, since the shell asks after every input.
 */
import { earliest, type Instant } from '../base/instant.js';
import type { Peer } from './peers.js';

export class AwakePeers {
  readonly #deadlines = new Map<Peer, Instant>();
  /** The earliest deadline; undefined when it must be looked up again. */
  #first: Instant | undefined;

  [Symbol.iterator](): Iterator<Peer> {
    return this.#deadlines.keys();
  }

  /** The peer's machine waits until `at`; undefined: for nothing. */
  set(peer: Peer, at: Instant | undefined): void {
    const before = this.#deadlines.get(peer);
    if (before === at) return;
    if (at === undefined) this.#deadlines.delete(peer);
    else this.#deadlines.set(peer, at);
    if (this.#first === undefined) return;
    if (at !== undefined && at <= this.#first) this.#first = at;
    else if (before === this.#first) this.#first = undefined;
  }

  nextTimeout(): Instant | undefined {
    if (this.#first === undefined) {
      for (const at of this.#deadlines.values()) this.#first = earliest(this.#first, at);
    }
    return this.#first;
  }

  /** Peers whose time has come. */
  due(now: Instant): readonly Peer[] {
    const first = this.nextTimeout();
    if (first === undefined || now < first) return [];
    return [...this.#deadlines].filter(([, at]) => now >= at).map(([peer]) => peer);
  }
}
