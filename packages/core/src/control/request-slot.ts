/**
 * One request at a time, and the wait after one that failed.
 *
 *     free --send--> busy --response, failure, cancel, forget--> free
 *
 * A request without an answer says little of the server, which may be slow, but its answer may be lost: a NAT that
 * forgets the connection tells nobody who only listens. So the connection is asked, once for each request.
 */
import { after, type Instant } from '../base/instant.js';
import type { JsonValue } from '../base/json.js';
import type { Random } from '../ports.js';
import { Backoff } from './backoff.js';
import type { RequestId } from './io.js';
import type { Outbox, RequestOptions } from './outbox.js';

/** An answer takes a round trip and a moment of the server's; later the connection is asked whether it lives. */
export const unansweredMs = 5_000;

export class RequestSlot {
  /** Owners count their own failures too: an answer can be one. */
  readonly backoff: Backoff;
  readonly #outbox: Outbox;
  #inFlight: RequestId | undefined;
  /** When the connection is to be asked. */
  #probeAt: Instant | undefined;

  constructor(outbox: Outbox, random: Random) {
    this.#outbox = outbox;
    this.backoff = new Backoff(random);
  }

  get isBusy(): boolean {
    return this.#inFlight !== undefined;
  }

  /** True when the next request may go out. */
  isDue(now: Instant): boolean {
    return !this.isBusy && this.backoff.isDue(now);
  }

  /** When a free slot's next request is due, or the connection under a busy one to be asked. */
  nextTimeout(): Instant | undefined {
    return this.isBusy ? this.#probeAt : this.backoff.until;
  }

  runTimers(now: Instant): void {
    if (!this.isBusy || this.#probeAt === undefined || now < this.#probeAt) return;
    this.#probeAt = undefined;
    this.#outbox.emit({ type: 'probe' });
  }

  /** True when `id` is the request under way. */
  holds(id: RequestId): boolean {
    return id === this.#inFlight;
  }

  send(path: string, body: JsonValue, options: RequestOptions, now: Instant): void {
    this.#inFlight = this.#outbox.request(path, body, options);
    this.#probeAt = after(now, unansweredMs);
  }

  /** A part of the answer came: the connection lives. */
  heard(): void {
    this.#probeAt = undefined;
  }

  /** Frees the slot of `id`, which was answered; false: it is not ours. */
  take(id: RequestId): boolean {
    if (!this.holds(id)) return false;
    this.#inFlight = undefined;
    return true;
  }

  /** Frees the slot of `id` and waits before the next; false: it is not ours. */
  handleFailure(id: RequestId, now: Instant): boolean {
    if (!this.take(id)) return false;
    this.backoff.fail(now);
    return true;
  }

  /** Ends the request under way, if there is one. */
  cancel(): void {
    if (this.#inFlight === undefined) return;
    this.#outbox.emit({ type: 'cancel', id: this.#inFlight });
    this.#inFlight = undefined;
  }

  /** The connection is gone, and the request with it. */
  forget(): void {
    this.#inFlight = undefined;
  }
}
