/**
 * What others behind the same NAT do: new outward flows at a mean rate, each from a host and to a server of its
 * own, each left alone afterwards. They take ports and room in the table; their packets are nobody's business.
 */
import type { Instant } from '@warren/core/base/instant';
import { after, instant } from '@warren/core/base/instant';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { type Endpoint, endpoint } from '@warren/core/ip/address';
import { ip } from '../topology/literals.js';

export type BeginFlow = (inner: Endpoint, remote: Endpoint, at: Instant) => unknown;

/** What systems hand out to sockets that want any port. */
const EPHEMERAL_MIN = 32_768;
const EPHEMERAL_PORTS = 28_000;

export class CrossTraffic {
  readonly #meanMs: number;
  readonly #random: SeededRandom;
  readonly #lifetimeMs: number;
  #next: Instant = instant(0);

  /** `lifetimeMs`: older flows have no effect any more. */
  constructor(perSecond: number, random: SeededRandom, lifetimeMs: number) {
    this.#meanMs = 1000 / perSecond;
    this.#random = random.fork();
    this.#lifetimeMs = lifetimeMs;
  }

  /** Everything that happened up to now and still matters. */
  until(now: Instant, begin: BeginFlow): void {
    if (this.#next < now - this.#lifetimeMs) this.#next = after(now, -this.#lifetimeMs);
    while (this.#next <= now) {
      begin(this.#inner(), this.#remote(), this.#next);
      // Independent of each other: pauses are exponential.
      const pauseMs = -Math.log(1 - this.#random.fraction()) * this.#meanMs;
      this.#next = after(this.#next, pauseMs);
    }
  }

  /** Nobody else in a world has addresses of 169.254. */
  #inner(): Endpoint {
    const [c, d] = [this.#random.below(256), this.#random.below(256)];
    return endpoint(ip(`169.254.${c}.${d}`), EPHEMERAL_MIN + this.#random.below(EPHEMERAL_PORTS));
  }

  #remote(): Endpoint {
    const [b, c, d] = [this.#random.below(256), this.#random.below(256), this.#random.below(256)];
    return endpoint(ip(`17.${b}.${c}.${d}`), 443);
  }
}
