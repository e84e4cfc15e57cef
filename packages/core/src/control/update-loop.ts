/**
 * Lite updates: what control must know of us, always whole, only when it changed, one request at a time.
 * What changes while one is under way merges into the next.
 */
import type { Instant } from '../base/instant.js';
import type { Random } from '../ports.js';
import type { RequestId } from './io.js';
import { mapBody, type OwnState } from './messages.js';
import type { Outbox } from './outbox.js';
import { RequestSlot } from './request-slot.js';

/** An update is small and its answer empty. */
const updateTimeoutMs = 10_000;

export class UpdateLoop {
  readonly #update: RequestSlot;
  /** What the update under way says. */
  #saying: string | undefined;
  /** What control has confirmed on this connection. */
  #confirmed: string | undefined;
  /** Parts that came to the confirmed text: the same ones needn't be written again to find out. */
  #known: OwnState | undefined;

  constructor(outbox: Outbox, random: Random) {
    this.#update = new RequestSlot(outbox, random);
  }

  /** The connection is gone; on the next one everything is said again, to a server that may have forgotten. */
  reset(): void {
    this.#update.forget();
    this.#confirmed = undefined;
    this.#known = undefined;
    this.#update.backoff.reset();
  }

  /** Says what control hasn't heard. */
  step(own: OwnState, now: Instant): void {
    this.#update.runTimers(now);
    if (!this.#update.isDue(now)) return;
    if (this.#known !== undefined && sameParts(this.#known, own)) {
      this.#update.backoff.reset();
      return;
    }
    // Latency moves all the time and is worth no message of its own.
    const saying = JSON.stringify(mapBody(own, false, false));
    if (saying === this.#confirmed) {
      // What failed needs no repetition any more, and nobody to be woken for it.
      this.#known = own;
      this.#update.backoff.reset();
      return;
    }
    this.#saying = saying;
    const options = { streaming: false, timeoutMs: updateTimeoutMs };
    this.#update.send('/machine/map', mapBody(own, false), options, now);
  }

  nextTimeout(): Instant | undefined {
    return this.#update.nextTimeout();
  }

  handleResponse(id: RequestId, status: number, now: Instant): boolean {
    if (!this.#update.take(id)) return false;
    if (status === 200) {
      this.#confirmed = this.#saying;
      this.#known = undefined;
      this.#update.backoff.reset();
    } else {
      this.#update.backoff.fail(now);
    }
    return true;
  }

  handleFailure(id: RequestId, now: Instant): boolean {
    return this.#update.handleFailure(id, now);
  }
}

/** Nothing was replaced since: parts are never changed in place. */
function sameParts(a: OwnState, b: OwnState): boolean {
  return (
    a.nodeKey === b.nodeKey &&
    a.discoKey === b.discoKey &&
    a.hostInfo === b.hostInfo &&
    a.netInfo === b.netInfo &&
    a.endpoints === b.endpoints &&
    a.nat === b.nat &&
    a.paths === b.paths
  );
}
