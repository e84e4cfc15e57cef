/**
 * One check under way: sends the plan's probes when they are due, takes the answers, knows when to stop.
 *
 * It stops when every probe set is answered; or, with three regions heard, after as long again as the
 * slowest of them took (twice that for a full check); or when what is missing is overdue by far; at the
 * latest after 3 s.
 */
import { encodeHex } from '../base/bytes.js';
import { after, earliest, type Instant, instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, type IpFamily } from '../ip/address.js';
import type { RelayNode } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { type BindingResponse, encodeBindingRequest, encodeTokenRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import type { ProbeSet } from './probe-plan.js';
import { PENDING, type Pending } from './relay-addresses.js';
import type { ReportBuilder } from './report.js';

/** STUN answers come within this or not at all. */
export const stunPhaseMs = 3000;
/** Regions after which the rest is not waited for. */
export const enoughRegions = 3;
/** Once somebody answered, a silent server is given up this long after its last probe ... */
const overdueMs = 500;
/** ... or this many times the slowest answer, whichever is longer. */
const overdueFactor = 4;

interface RunningSet {
  readonly set: ProbeSet;
  /** Index of the probe to send next. */
  next: number;
  finished: boolean;
  /** The next probe is due and its server's address isn't known yet. */
  waiting: boolean;
  lastSentAt: Instant | undefined;
}

interface InFlight {
  readonly running: RunningSet;
  readonly server: Endpoint;
  readonly sentAt: Instant;
  readonly wantsToken: boolean;
}

export interface CheckOptions {
  readonly builder: ReportBuilder;
  readonly plan: readonly ProbeSet[];
  readonly random: Random;
  /** Where `node` is asked; undefined: nowhere. */
  readonly locate: (
    node: RelayNode,
    family: IpFamily,
    now: Instant,
  ) => Endpoint | Pending | undefined;
  /** Its STUN server gives tokens for addresses, and may be asked for one. */
  readonly givesTokens: (node: RelayNode) => boolean;
  readonly send: (family: IpFamily, server: Endpoint, request: Uint8Array) => void;
}

export class Check {
  readonly builder: ReportBuilder;
  readonly #options: CheckOptions;
  readonly #sets: readonly RunningSet[];
  /** By transaction id; bounded by the plan. */
  readonly #inFlight = new Map<string, InFlight>();
  #enoughAt: Instant | undefined;

  constructor(options: CheckOptions) {
    this.#options = options;
    this.builder = options.builder;
    this.#sets = options.plan.map((set) => ({
      set,
      next: 0,
      finished: false,
      waiting: false,
      lastSentAt: undefined,
    }));
  }

  /** Sends what is due. Call when {@link nextTimeout} says so and when an address became known. */
  run(now: Instant): void {
    for (const running of this.#sets) {
      for (;;) {
        const dueAt = this.#dueAt(running);
        if (dueAt === undefined || now < dueAt || !this.#probe(running, now)) break;
      }
    }
  }

  /** Takes an answer; the reason when it is none of ours. */
  answer(
    response: BindingResponse,
    source: Endpoint,
    receivedAt: Instant,
  ): 'unknown-transaction' | 'wrong-source' | undefined {
    const key = encodeHex(response.transactionId);
    const asked = this.#inFlight.get(key);
    if (asked === undefined) return 'unknown-transaction';
    if (endpointAddress(source) !== endpointAddress(asked.server)) return 'wrong-source';
    this.#inFlight.delete(key);
    asked.running.finished = true;
    const addressToken = asked.wantsToken ? response.addressToken : undefined;
    this.builder.add({
      regionId: asked.running.set.regionId,
      family: asked.running.set.family,
      server: asked.server,
      mapped: response.mapped,
      latencyMs: Math.max(0, receivedAt - asked.sentAt),
      ...(addressToken === undefined ? {} : { addressToken }),
    });
    if (this.builder.regionLatencyMs.size >= enoughRegions && this.#enoughAt === undefined) {
      const patience = (this.builder.slowestMs ?? 0) * (this.builder.full ? 2 : 1);
      this.#enoughAt = after(receivedAt, patience);
    }
    return undefined;
  }

  /** The operating system refused to send to `server`: sets that would only ask it again are over. */
  refused(server: Endpoint): void {
    for (const { running, server: asked } of this.#inFlight.values()) {
      const [first, ...others] = running.set.probes;
      if (asked === server && others.every((probe) => probe.node === first?.node)) {
        running.finished = true;
      }
    }
  }

  /** Every answer is in, or no more are waited for. */
  isFinished(now: Instant): boolean {
    return this.#sets.every((running) => running.finished) || now >= this.#stopsAt();
  }

  nextTimeout(): Instant {
    let at = this.#stopsAt();
    for (const running of this.#sets) {
      if (!running.waiting) at = earliest(at, this.#dueAt(running)) ?? at;
    }
    return at;
  }

  /** When waiting ends whatever is missing. */
  #stopsAt(): Instant {
    const last = after(this.builder.startedAt, stunPhaseMs);
    return earliest(last, this.#enoughAt, this.#overdueAt()) ?? last;
  }

  /** When all that is missing is overdue; undefined while probes are still to be sent or nobody answered. */
  #overdueAt(): Instant | undefined {
    const { slowestMs } = this.builder;
    if (slowestMs === undefined) return undefined;
    let lastSentAt: Instant | undefined;
    for (const running of this.#sets) {
      if (running.finished) continue;
      if (running.lastSentAt === undefined || running.next < running.set.probes.length) {
        return undefined;
      }
      if (lastSentAt === undefined || running.lastSentAt > lastSentAt) {
        lastSentAt = running.lastSentAt;
      }
    }
    if (lastSentAt === undefined) return undefined;
    return after(lastSentAt, Math.max(overdueMs, overdueFactor * slowestMs));
  }

  /** When the set's next probe is due; undefined when it has none. */
  #dueAt(running: RunningSet): Instant | undefined {
    const probe = running.set.probes[running.next];
    if (running.finished || probe === undefined) return undefined;
    const planned = after(this.builder.startedAt, probe.delayMs);
    const before = running.set.probes[running.next - 1];
    if (before === undefined || running.lastSentAt === undefined) return planned;
    // Probes that waited for a look-up keep their distance.
    const spaced = after(running.lastSentAt, probe.delayMs - before.delayMs);
    return instant(Math.max(spaced, planned));
  }

  /** Sends the set's next probe; false when it must wait for an address. */
  #probe(running: RunningSet, now: Instant): boolean {
    const { set } = running;
    const probe = set.probes[running.next];
    if (probe === undefined || !this.#wouldHelp(set)) {
      running.finished = true;
      return false;
    }
    const server = this.#options.locate(probe.node, set.family, now);
    running.waiting = server === PENDING;
    if (server === PENDING) return false;
    running.next++;
    if (server === undefined) {
      if (running.next >= set.probes.length && running.lastSentAt === undefined) {
        running.finished = true;
      }
      return true;
    }
    const transactionId = this.#options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
    const wantsToken = this.#options.givesTokens(probe.node);
    this.#inFlight.set(encodeHex(transactionId), { running, server, sentAt: now, wantsToken });
    running.lastSentAt = now;
    const encode = wantsToken ? encodeTokenRequest : encodeBindingRequest;
    this.#options.send(set.family, server, encode(transactionId));
    return true;
  }

  /** False when the answer would tell nothing new. */
  #wouldHelp({ regionId, family }: { regionId: RegionId; family: IpFamily }): boolean {
    if (!this.builder.regionLatencyMs.has(regionId)) return true;
    if (family === 6) return !this.builder.heard(6);
    return this.builder.mappingVariesByDestIp === undefined;
  }
}
