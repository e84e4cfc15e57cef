/**
 * When a mapping at a server on the gateway's port 5351 is to be checked, renewed and given up.
 *
 *     granted ---- check every minute ---- half its life: renewal, again at half of what is left ---- ran out
 */
import { after, earliest, type Instant } from '../base/instant.js';

/** A router that restarted without a word is noticed within this time. */
export const checkIntervalMs = 60_000;
/** However short a lifetime is, its renewals are no flood. */
const renewMinMs = 4_000;

export class MappingClock {
  #checkAt: Instant | undefined;
  #renewAt: Instant | undefined;
  #expiresAt: Instant | undefined;

  granted(lifetimeMs: number, now: Instant): void {
    this.#renewAt = after(now, Math.max(lifetimeMs / 2, renewMinMs));
    this.#expiresAt = after(now, Math.max(lifetimeMs, 2 * renewMinMs));
    this.#checkAt = after(now, checkIntervalMs);
  }

  /** A renewal got no answer. */
  unanswered(now: Instant): void {
    const leftMs = (this.#expiresAt ?? now) - now;
    this.#renewAt = after(now, Math.max(leftMs / 2, renewMinMs));
  }

  renewAt(at: Instant): void {
    this.#renewAt = at;
  }

  /** The next check is at `at`, unless there is one before. */
  checkBefore(at: Instant): void {
    this.#checkAt = earliest(this.#checkAt, at);
  }

  checked(now: Instant): void {
    this.#checkAt = after(now, checkIntervalMs);
  }

  clear(): void {
    this.#checkAt = undefined;
    this.#renewAt = undefined;
    this.#expiresAt = undefined;
  }

  /** When the mapping is to be asked for again, and when it runs out. */
  get plan(): { readonly renewsAt: Instant | undefined; readonly expiresAt: Instant | undefined } {
    return { renewsAt: this.#renewAt, expiresAt: this.#expiresAt };
  }

  hasExpired(now: Instant): boolean {
    return this.#expiresAt !== undefined && now >= this.#expiresAt;
  }

  /** True once when a renewal is due. */
  takeRenewal(now: Instant): boolean {
    if (this.#renewAt === undefined || now < this.#renewAt) return false;
    this.#renewAt = undefined;
    return true;
  }

  /** True once when a check is due. */
  takeCheck(now: Instant): boolean {
    if (this.#checkAt === undefined || now < this.#checkAt) return false;
    this.#checkAt = undefined;
    return true;
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#checkAt, this.#renewAt, this.#expiresAt);
  }
}
