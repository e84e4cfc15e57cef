/**
 * Guesses for a peer that knows nothing of plans: a stock client pings every endpoint that a call lists, so calls list
 * random ports of our own address, behind which many of our sockets have opened the NAT towards it.
 */
import { after, type Instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import { guesses } from './guesses.js';
import type { Ports } from './ports.js';

/** What a stock client follows at a time without harm. */
export const guessesPerCall = 64;
/** As often as honest peers call. */
const callGapMs = 1000;
/** All in all as many guesses as a campaign may have pings. */
export const callsMax = 24;

export class CallGuesses {
  readonly #guesses: Iterator<Endpoint>;
  #calls = 0;
  #dueAt: Instant;

  /** `ours`: the range in which our sockets are. */
  constructor(ours: Ports, random: Random, now: Instant) {
    this.#guesses = guesses(ours, callsMax * guessesPerCall, random);
    this.#dueAt = now;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Undefined: all calls were made. */
  nextTimeout(): Instant | undefined {
    return this.#calls < callsMax ? this.#dueAt : undefined;
  }

  /** The endpoints of the call that is due; none: it is not time, or no guess is left. */
  due(now: Instant): readonly Endpoint[] {
    if (this.#calls >= callsMax || now < this.#dueAt) return [];
    const endpoints: Endpoint[] = [];
    while (endpoints.length < guessesPerCall) {
      const next = this.#guesses.next();
      if (next.done === true) break;
      endpoints.push(next.value);
    }
    this.#calls = endpoints.length === 0 ? callsMax : this.#calls + 1;
    this.#dueAt = after(now, callGapMs);
    return endpoints;
  }
}
