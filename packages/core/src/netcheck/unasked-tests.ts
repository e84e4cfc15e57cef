/**
 * Does a datagram arrive that comes from where we have not sent to? Two ways to have one sent.
 *
 *     by change      the server that we asked answers from another port or address (RFC 5780, CHANGE-REQUEST)
 *     by dial-back   another relay sends one to the mapped port, at our wish over its connection
 *
 *     asking --arrived--> arrived
 *     asking --nothing, long enough after the last copy--> silent
 *     asking --refused, or nobody says that it was sent--> unknown
 */

import { encodeHex } from '../base/bytes.js';
import { after, earliest, type Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import { type Change, encodeChangeRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import type { Unasked } from './nat-judgement.js';

/** One lost datagram shall not pass for a filter. */
const copies = 3;
/** A burst of loss is outlived. */
const copyEveryMs = 40;
/** A relay gives a connection six dial-backs at once, of which the start of the daemon took two. */
const dialBackCopies = 2;

export interface UnaskedTest {
  readonly isOver: boolean;
  readonly outcome: Unasked;
  run(now: Instant): void;
  nextTimeout(): Instant | undefined;
}

export interface ChangeTestOptions {
  readonly random: Random;
  readonly change: Change;
  readonly server: Endpoint;
  /** Where the answer comes from. */
  readonly from: Endpoint;
  /** Waited for after the last copy. */
  readonly patienceMs: number;
  readonly send: (remote: Endpoint, bytes: Uint8Array) => void;
}

export class ChangeTest implements UnaskedTest {
  outcome: Unasked;
  isOver = false;
  readonly #options: ChangeTestOptions;
  readonly #startedAt: Instant;
  /** At most {@link copies}. */
  readonly #sent = new Set<string>();

  constructor(options: ChangeTestOptions, now: Instant) {
    this.#options = options;
    this.#startedAt = now;
  }

  /** True when the transaction is ours. */
  answered(transactionId: string, source: Endpoint): boolean {
    if (!this.#sent.delete(transactionId)) return false;
    if (source !== this.#options.from) return false;
    this.outcome = 'arrived';
    this.isOver = true;
    return true;
  }

  /** The server does not do it: true when the transaction is ours. */
  refused(transactionId: string): boolean {
    if (!this.#sent.has(transactionId)) return false;
    this.isOver = true;
    return true;
  }

  run(now: Instant): void {
    if (this.isOver) return;
    while (this.#sent.size < copies && now >= this.#copyAt(this.#sent.size)) {
      const { random, change, server, send } = this.#options;
      const transactionId = random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      this.#sent.add(encodeHex(transactionId));
      send(server, encodeChangeRequest(transactionId, change));
    }
    if (this.#sent.size === copies && now >= this.#silentAt) {
      this.outcome = 'silent';
      this.isOver = true;
    }
  }

  nextTimeout(): Instant | undefined {
    if (this.isOver) return undefined;
    return this.#sent.size < copies ? this.#copyAt(this.#sent.size) : this.#silentAt;
  }

  #copyAt(index: number): Instant {
    return after(this.#startedAt, index * copyEveryMs);
  }

  get #silentAt(): Instant {
    return after(this.#copyAt(copies - 1), this.#options.patienceMs);
  }
}

export interface DialBackTestOptions {
  readonly random: Random;
  readonly regionId: RegionId;
  /** How the server that we asked sees the socket. */
  readonly mapped: Endpoint;
  readonly port: number;
  readonly patienceMs: number;
  readonly ask: (regionId: RegionId, token: Uint8Array, port: number) => void;
}

/** A relay's word and the datagram itself, in any order. */
export class DialBackTest implements UnaskedTest {
  outcome: Unasked;
  isOver = false;
  readonly #options: DialBackTestOptions;
  readonly #startedAt: Instant;
  readonly #tokens = new Set<string>();
  #silentAt: Instant | undefined;

  constructor(options: DialBackTestOptions, now: Instant) {
    this.#options = options;
    this.#startedAt = now;
    for (let i = 0; i < dialBackCopies; i++) {
      const token = options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      this.#tokens.add(encodeHex(token));
      options.ask(options.regionId, token, options.port);
    }
  }

  /** True when the token is ours. */
  arrived(token: Uint8Array): boolean {
    if (!this.#tokens.has(encodeHex(token))) return false;
    this.outcome = 'arrived';
    this.isOver = true;
    return true;
  }

  /** A relay's word on a dial-back; true when it is about ours. */
  told({ token, outcome, target }: DialBackAnswer, now: Instant): boolean {
    if (!this.#tokens.has(encodeHex(token))) return false;
    // It sends to where our connection comes from: of a NAT with several addresses that may be another one.
    if (outcome !== 'sent' || target !== this.#options.mapped) this.isOver = true;
    else this.#silentAt ??= after(now, this.#options.patienceMs);
    return true;
  }

  run(now: Instant): void {
    if (this.isOver) return;
    if (this.#silentAt !== undefined && now >= this.#silentAt) {
      this.outcome = 'silent';
      this.isOver = true;
    } else if (now >= this.#givenUpAt) {
      this.isOver = true;
    }
  }

  nextTimeout(): Instant | undefined {
    return this.isOver ? undefined : earliest(this.#silentAt, this.#givenUpAt);
  }

  get #givenUpAt(): Instant {
    return after(this.#startedAt, 3 * this.#options.patienceMs);
  }
}
