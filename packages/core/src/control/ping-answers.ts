/**
 * Control asks whether we live: it names an address of its own, and a HEAD request there is the answer. Servers that
 * choose between two routers of one network go by it.
 *
 *     URLIsNoise      over the connection that stands
 *     else            over a connection of its own, to control's own address only
 *
 * Stock clients fetch whatever an authenticated server names; that would let it look about in networks behind its
 * nodes. Each of the latter kind costs a TLS handshake, so there is one at a time and no more than one a second.
 */
import type { Counters } from '../base/counters.js';
import { after, type Instant } from '../base/instant.js';
import type { PingRequest } from '../netmap/decode.js';
import type { RequestId } from './io.js';
import type { Outbox } from './outbox.js';

/** As official clients. */
export const pingTimeoutMs = 15_000;
/** Servers ask every few seconds. */
export const pingGapMs = 1_000;

export interface PingAnswersOptions {
  readonly outbox: Outbox;
  readonly counters: Counters;
  /** Of control; undefined: not known, and nothing is asked beside its connection. */
  readonly origin: string | undefined;
}

export class PingAnswers {
  readonly #options: PingAnswersOptions;
  /** What control last asked to fetch. */
  #pinged: string | undefined;
  /** The request under way over a connection of its own. */
  #outside: RequestId | undefined;
  #nextAt: Instant | undefined;

  constructor(options: PingAnswersOptions) {
    this.#options = options;
  }

  /** Each once: a server that repeats itself has no other question. */
  take({ origin, path, isNoise, types }: PingRequest, now: Instant): void {
    const { outbox, counters } = this.#options;
    const asked = `${isNoise ? '' : origin}${path}`;
    if (asked === this.#pinged) return;
    this.#pinged = asked;
    if (types !== '') {
      counters.add('control-ping-unsupported');
    } else if (isNoise) {
      outbox.head(path, pingTimeoutMs, false);
    } else if (origin !== this.#options.origin || !origin.startsWith('https://')) {
      counters.add('control-ping-elsewhere');
    } else if (this.#outside !== undefined || (this.#nextAt !== undefined && now < this.#nextAt)) {
      counters.add('control-ping-over-limit');
    } else {
      this.#nextAt = after(now, pingGapMs);
      this.#outside = outbox.head(path, pingTimeoutMs, true);
    }
  }

  /** A request was answered or failed; false: it is none of those with a connection of their own. */
  ended(id: RequestId): boolean {
    if (id !== this.#outside) return false;
    this.#outside = undefined;
    return true;
  }
}
