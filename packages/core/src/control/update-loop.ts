/**
 * Lite updates: what control must know of us, always whole, only when it changed, one request at a time.
 * What changes while one is under way merges into the next.
 */
import type { Instant } from '../base/instant.js';
import type { Random } from '../ports.js';
import { Backoff } from './backoff.js';
import type { RequestId } from './io.js';
import { mapBody, type OwnState } from './messages.js';
import type { Outbox } from './outbox.js';

/** An update is small and its answer empty. */
const updateTimeoutMs = 10_000;

export class UpdateLoop {
  readonly #outbox: Outbox;
  readonly #backoff: Backoff;
  #inFlight: RequestId | undefined;
  /** What the update under way says. */
  #saying: string | undefined;
  /** What control has confirmed on this connection. */
  #confirmed: string | undefined;

  constructor(outbox: Outbox, random: Random) {
    this.#outbox = outbox;
    this.#backoff = new Backoff(random);
  }

  /** The connection is gone; on the next one everything is said again, to a server that may have forgotten. */
  reset(): void {
    this.#inFlight = undefined;
    this.#confirmed = undefined;
    this.#backoff.reset();
  }

  /** Says what control hasn't heard. */
  step(own: OwnState, now: Instant): void {
    if (this.#inFlight !== undefined || !this.#backoff.isDue(now)) return;
    // Latency moves all the time and is worth no message of its own.
    const saying = JSON.stringify(mapBody(own, false, false));
    if (saying === this.#confirmed) return;
    this.#saying = saying;
    const options = { streaming: false, timeoutMs: updateTimeoutMs };
    this.#inFlight = this.#outbox.request('/machine/map', mapBody(own, false), options);
  }

  nextTimeout(): Instant | undefined {
    return this.#inFlight === undefined ? this.#backoff.until : undefined;
  }

  handleResponse(id: RequestId, status: number, now: Instant): boolean {
    if (id !== this.#inFlight) return false;
    this.#inFlight = undefined;
    if (status === 200) {
      this.#confirmed = this.#saying;
      this.#backoff.reset();
    } else {
      this.#backoff.fail(now);
    }
    return true;
  }

  handleFailure(id: RequestId, now: Instant): boolean {
    if (id !== this.#inFlight) return false;
    this.#inFlight = undefined;
    this.#backoff.fail(now);
    return true;
  }
}
