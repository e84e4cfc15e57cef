/**
 * Where we sent disco or STUN lately. What comes from there is probably an answer, so a flood from elsewhere
 * must not push it out. Nobody gets in here by sending: only the PathEngine's own messages count.
 */
import type { Instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import { ASKED_REMOTE_MS, MAX_ASKED_REMOTES } from './limits.js';

export class AskedRemotes {
  /** In the order of asking. */
  readonly #askedAt = new Map<Endpoint, Instant>();

  get size(): number {
    return this.#askedAt.size;
  }

  note(remote: Endpoint, now: Instant): void {
    this.#askedAt.delete(remote);
    this.#askedAt.set(remote, now);
    if (this.#askedAt.size <= MAX_ASKED_REMOTES) return;
    const [oldest] = this.#askedAt.keys();
    if (oldest !== undefined) this.#askedAt.delete(oldest);
  }

  has(remote: Endpoint, now: Instant): boolean {
    const askedAt = this.#askedAt.get(remote);
    return askedAt !== undefined && now - askedAt < ASKED_REMOTE_MS;
  }
}
