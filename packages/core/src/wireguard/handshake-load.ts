/**
 * Whether handshakes come faster than we want to compute them.
 *
 *     calm --- more than a burst, faster than the rate ---> loaded --- 1 s without excess ---> calm
 *
 * Others judge by the length of a queue; here each message is handled at once, so the rate decides. Counted
 * are messages with a valid mac1: without that proof of knowing our public key a message costs one hash.
 *
 * Source: WireGuard whitepaper, section 5.3; the second of patience is that of its implementations.
 */
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';

/**
 * Handshakes a second that are no load: some 0.4 ms of native cryptography each as responder, so a tenth of
 * one core.
 */
export const CALM_HANDSHAKES_PER_SECOND = 256;
/** At once, such as when a network of peers wakes up; wireguard-go's queue is loaded from 128 on, too. */
export const CALM_HANDSHAKE_BURST = 128;
/** A load lasts at least this long after its last excess, so that a flood in bursts is one load. */
export const UNDER_LOAD_MS = 1_000;

export class HandshakeLoad {
  readonly #calm = new TokenBucket(CALM_HANDSHAKE_BURST, CALM_HANDSHAKES_PER_SECOND);
  #loadedUntil = Number.NEGATIVE_INFINITY;

  /** Counts one message; true when we are under load, by this one or from before. */
  note(now: Instant): boolean {
    if (!this.#calm.take(now)) this.#loadedUntil = now + UNDER_LOAD_MS;
    return this.isLoaded(now);
  }

  isLoaded(now: Instant): boolean {
    return now < this.#loadedUntil;
  }
}
