/**
 * Do two hosts behind our NAT reach each other by their outer endpoints? Two sockets of ours stand for them:
 * each sends to the other's mapped endpoint, which opens their filters for each other, and then once more.
 */
import { encodeHex } from '../base/bytes.js';
import { after, type Instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import { encodeBindingRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';

/** The first opens the way, the others pass; one of them may get lost. */
const rounds = 3;
const roundEveryMs = 30;
/** A router turns a packet round at once. */
const patienceMs = 150;

export interface HairpinEnd {
  readonly socket: number;
  readonly mapped: Endpoint;
}

export interface HairpinTestOptions {
  readonly random: Random;
  readonly ends: readonly [HairpinEnd, HairpinEnd];
  readonly send: (socket: number, remote: Endpoint, bytes: Uint8Array) => void;
}

export class HairpinTest {
  /** Undefined until it is over. */
  outcome: boolean | undefined;
  readonly #options: HairpinTestOptions;
  readonly #startedAt: Instant;
  /** At most two for each of {@link rounds}. */
  readonly #sent = new Set<string>();
  #round = 0;

  constructor(options: HairpinTestOptions, now: Instant) {
    this.#options = options;
    this.#startedAt = now;
  }

  get isOver(): boolean {
    return this.outcome !== undefined;
  }

  /** A Binding request came in on one of our sockets; true when it is our own. */
  arrived(transactionId: Uint8Array): boolean {
    if (!this.#sent.has(encodeHex(transactionId))) return false;
    this.outcome = true;
    return true;
  }

  run(now: Instant): void {
    if (this.isOver) return;
    while (this.#round < rounds && now >= this.#roundAt(this.#round)) {
      this.#round++;
      const [a, b] = this.#options.ends;
      this.#send(a.socket, b.mapped);
      this.#send(b.socket, a.mapped);
    }
    if (this.#round === rounds && now >= this.#endsAt) this.outcome = false;
  }

  nextTimeout(): Instant | undefined {
    if (this.isOver) return undefined;
    return this.#round < rounds ? this.#roundAt(this.#round) : this.#endsAt;
  }

  #roundAt(round: number): Instant {
    return after(this.#startedAt, round * roundEveryMs);
  }

  get #endsAt(): Instant {
    return after(this.#roundAt(rounds - 1), patienceMs);
  }

  #send(socket: number, remote: Endpoint): void {
    const transactionId = this.#options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
    this.#sent.add(encodeHex(transactionId));
    this.#options.send(socket, remote, encodeBindingRequest(transactionId));
  }
}
