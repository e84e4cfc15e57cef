/** Pings that a person waits for: each is answered once, by the first pong or by its deadline. */
import { after, type Instant } from '../base/instant.js';
import type { Path } from '../engines/paths.js';
import type { PeerPathOutput, PersonPingResult } from './peer-path-io.js';
import { pingTimeoutMs } from './pings.js';

/** Per peer: a ping a second for 5 s is 5; more is a script, and its oldest ping is given up. */
export const maxPersonPings = 64;

export class PersonPings {
  readonly #emit: (output: PeerPathOutput) => void;
  /** Deadline by number, in the order of starting, so of expiry. */
  readonly #deadlines = new Map<number, Instant>();

  constructor(emit: (output: PeerPathOutput) => void) {
    this.#emit = emit;
  }

  /** Waits for the answer to `id`. */
  start(id: number, now: Instant): void {
    this.#deadlines.set(id, after(now, pingTimeoutMs));
    if (this.#deadlines.size <= maxPersonPings) return;
    for (const oldest of this.#deadlines.keys()) {
      this.#settle(oldest, { outcome: 'lost', reason: 'timeout' });
      return;
    }
  }

  /** A pong came; only the first one tells the person. */
  answered(id: number, path: Path, latencyMs: number): void {
    this.#settle(id, { outcome: 'pong', path, latencyMs });
  }

  /** There is nowhere to ping, for this one. */
  refuse(id: number): void {
    this.#deadlines.delete(id);
    const result: PersonPingResult = { outcome: 'lost', reason: 'no-path' };
    this.#emit({ type: 'person-ping-result', id, result });
  }

  /** There is nowhere to ping any more. */
  refuseAll(): void {
    for (const id of [...this.#deadlines.keys()]) this.refuse(id);
  }

  /** Gives up pings whose time is over. */
  expire(now: Instant): void {
    for (const [id, deadline] of [...this.#deadlines]) {
      if (deadline > now) break;
      this.#settle(id, { outcome: 'lost', reason: 'timeout' });
    }
  }

  nextTimeout(): Instant | undefined {
    for (const deadline of this.#deadlines.values()) return deadline;
    return undefined;
  }

  #settle(id: number, result: PersonPingResult): void {
    if (this.#deadlines.delete(id)) this.#emit({ type: 'person-ping-result', id, result });
  }
}
