/**
 * The requests of a sweep (nat-sweep.ts): one after the other in a known order, each repeated until it is answered
 * or given up.
 */
import { encodeHex } from '../base/bytes.js';
import { after, earliest, type Instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import { encodeBindingRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';

/** Between the first requests: packets that leave together may overtake each other. */
export const probeSpacingMs = 10;
export const probeTries = 3;
/** Or two round trips. */
const retryMinMs = 120;

export interface ProbeTarget {
  readonly socket: number;
  readonly server: Endpoint;
}

export interface Probe extends ProbeTarget {
  /** Place in the order of sending. */
  readonly order: number;
  readonly firstAt: Instant;
  tries: number;
  sentAt: Instant | undefined;
  /** The answer. */
  mapped: Endpoint | undefined;
  isGivenUp: boolean;
}

export interface SweepProbesOptions {
  readonly random: Random;
  /** In order. */
  readonly targets: readonly ProbeTarget[];
  readonly latencyMs: number;
  /** Waited for after the last try. */
  readonly patienceMs: number;
  readonly send: (socket: number, remote: Endpoint, bytes: Uint8Array) => void;
}

/** Nothing more comes of it. */
export function isSettled({ mapped, isGivenUp }: Probe): boolean {
  return mapped !== undefined || isGivenUp;
}

export class SweepProbes {
  readonly list: readonly Probe[];
  readonly #options: SweepProbesOptions;
  /** By transaction id; at most {@link probeTries} of each probe. */
  readonly #inFlight = new Map<string, Probe>();

  constructor(options: SweepProbesOptions, now: Instant) {
    this.#options = options;
    this.list = options.targets.map((target, order) => ({
      ...target,
      order,
      firstAt: after(now, order * probeSpacingMs),
      tries: 0,
      sentAt: undefined,
      mapped: undefined,
      isGivenUp: false,
    }));
  }

  run(now: Instant): void {
    for (const probe of this.list) {
      if (isSettled(probe) || now < this.#nextAt(probe)) continue;
      if (probe.tries >= probeTries) probe.isGivenUp = true;
      else this.#send(probe, now);
    }
  }

  /** Takes an answer; the reason when it is none of ours. Each counts once. */
  answered(
    socket: number,
    source: Endpoint,
    transactionId: string,
    mapped: Endpoint,
  ): 'unknown-transaction' | 'wrong-source' | undefined {
    const probe = this.#inFlight.get(transactionId);
    if (probe === undefined) return 'unknown-transaction';
    if (probe.socket !== socket || probe.server !== source) return 'wrong-source';
    this.#inFlight.delete(transactionId);
    probe.mapped ??= mapped;
    return undefined;
  }

  nextTimeout(): Instant | undefined {
    const waiting = this.list.filter((probe) => !isSettled(probe));
    return earliest(...waiting.map((probe) => this.#nextAt(probe)));
  }

  /** When the next request is due, or the last one given up. */
  #nextAt({ firstAt, sentAt, tries }: Probe): Instant {
    if (sentAt === undefined) return firstAt;
    const { latencyMs, patienceMs } = this.#options;
    if (tries >= probeTries) return after(sentAt, patienceMs);
    return after(sentAt, Math.max(retryMinMs, 2 * latencyMs));
  }

  #send(probe: Probe, now: Instant): void {
    const { random, send } = this.#options;
    const transactionId = random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
    probe.tries++;
    probe.sentAt = now;
    this.#inFlight.set(encodeHex(transactionId), probe);
    send(probe.socket, probe.server, encodeBindingRequest(transactionId));
  }
}
