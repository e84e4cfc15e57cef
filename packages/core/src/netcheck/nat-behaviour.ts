/**
 * What is measured of the NAT beyond a report's mappings: when to measure it, and what is known so far. Families
 * are measured apart, by nat-sweep.ts.
 *
 *     unknown --a report with answers--> sweeping --over--> known, as far as it could be
 *     known --another public address, or an hour later--> sweeping
 *     known in part --the next reports, twice--> sweeping
 *     any --network changed--> unknown
 *
 * A report never waits for it; a person's check does, for {@link NatBehaviour.isBusy}.
 */

import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, type IpAddress, type IpFamily } from '../ip/address.js';
import type { RelayMap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { NatSweep, type SweepFindings, type SweepOutput } from './nat-sweep.js';
import type { NetcheckReport } from './report.js';
import { chooseSweepServers } from './sweep-servers.js';

/** A router keeps its ways for its life; a carrier may put us behind another one. */
export const sweepAgainMs = 60 * 60_000;
/** Sweeps of one network that left something open; more would not help. */
export const sweepAttemptsMax = 3;
/** Between two sweeps of one family, whatever happens. */
export const sweepPauseMs = 15_000;
/**
 * The main socket heard the same servers before each, so it is not the network: no new flow finds a place. One alone
 * may have met an outage.
 */
const silentSweepsMin = 2;
/** Some firewalls take a packet from inside to their own outer address for an attack. */
export const hairpinPauseMs = 10 * 60_000;

export interface BehaviourContext {
  readonly relayMap: RelayMap;
  readonly localAddresses: readonly IpAddress[];
  /** Connected relays that dial back. */
  readonly dialBackRegions: ReadonlySet<RegionId>;
  readonly allowLoopback: boolean;
}

export type BehaviourOutput = SweepOutput & { readonly family: IpFamily };

interface FamilyState {
  sweep: NatSweep | undefined;
  findings: SweepFindings | undefined;
  /** Of the mapping when it was swept; hard NATs may have several. */
  address: IpAddress | undefined;
  sweptAt: Instant | undefined;
  attempts: number;
  hairpinAt: Instant | undefined;
  /** Sweeps in a row without any answer. */
  silent: number;
}

function fresh(): FamilyState {
  return {
    sweep: undefined,
    findings: undefined,
    address: undefined,
    sweptAt: undefined,
    attempts: 0,
    hairpinAt: undefined,
    silent: 0,
  };
}

export class NatBehaviour {
  readonly #random: Random;
  readonly #counters: Counters;
  readonly #outputs: BehaviourOutput[] = [];
  readonly #families: Record<IpFamily, FamilyState> = { 4: fresh(), 6: fresh() };

  constructor({ random, counters }: { readonly random: Random; readonly counters: Counters }) {
    this.#random = random;
    this.#counters = counters;
  }

  /** A sweep is under way. */
  get isBusy(): boolean {
    return this.#families[4].sweep !== undefined || this.#families[6].sweep !== undefined;
  }

  /** What the sweeps found so far; undefined before the first one's end. */
  findings(family: IpFamily): SweepFindings | undefined {
    return this.#families[family].findings;
  }

  report(report: NetcheckReport, context: BehaviourContext, now: Instant): void {
    for (const family of [4, 6] as const) this.#consider(family, report, context, now);
  }

  opened(family: IpFamily, socket: number, port: number, now: Instant): void {
    this.#drive(family, now, (sweep) => sweep.opened(socket, port, now));
  }

  failed(family: IpFamily, socket: number, now: Instant): void {
    this.#drive(family, now, (sweep) => sweep.failed(socket, now));
  }

  datagram(
    family: IpFamily,
    socket: number,
    source: Endpoint,
    bytes: Uint8Array,
    now: Instant,
  ): void {
    if (this.#families[family].sweep === undefined) this.#counters.add('nat-probe-late');
    this.#drive(family, now, (sweep) => sweep.datagram(socket, source, bytes, now));
  }

  /** A relay's word on a dial-back; true when a sweep asked for it. */
  dialBackTold(answer: DialBackAnswer, now: Instant): boolean {
    let isOurs = false;
    for (const family of [4, 6] as const) {
      this.#drive(family, now, (sweep) => {
        isOurs = sweep.dialBackTold(answer, now) || isOurs;
      });
    }
    return isOurs;
  }

  networkChanged(): void {
    for (const family of [4, 6] as const) {
      const { sweep, hairpinAt } = this.#families[family];
      sweep?.cancel();
      this.#take(family, sweep);
      // Somebody who walks in and out of a house has not got a new router each time.
      this.#families[family] = { ...fresh(), hairpinAt };
    }
  }

  run(now: Instant): void {
    for (const family of [4, 6] as const) this.#drive(family, now, (sweep) => sweep.run(now));
  }

  poll(): BehaviourOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    const { 4: ipv4, 6: ipv6 } = this.#families;
    return earliest(ipv4.sweep?.nextTimeout(), ipv6.sweep?.nextTimeout());
  }

  #consider(
    family: IpFamily,
    report: NetcheckReport,
    context: BehaviourContext,
    now: Instant,
  ): void {
    const state = this.#families[family];
    const servers = chooseSweepServers(report, context.relayMap, family, context.dialBackRegions);
    const observed = report.observations.find((one) => one.family === family);
    if (servers === undefined || observed === undefined || state.sweep !== undefined) return;
    const address = endpointAddress(observed.mapped);
    if (state.sweptAt !== undefined) {
      if (now < after(state.sweptAt, sweepPauseMs)) return;
      const isElsewhere = state.address !== address;
      const isOld = now >= after(state.sweptAt, sweepAgainMs);
      if (isElsewhere || isOld) state.attempts = 0;
      else if (isComplete(state.findings) || state.attempts >= sweepAttemptsMax) return;
    }
    const { localAddresses, allowLoopback } = context;
    state.attempts++;
    state.address = address;
    state.sweptAt = now;
    const mayHairpin =
      state.hairpinAt === undefined || now >= after(state.hairpinAt, hairpinPauseMs);
    state.sweep = new NatSweep(
      {
        random: this.#random,
        counters: this.#counters,
        servers,
        localAddresses,
        mayHairpin,
        allowLoopback,
      },
      now,
    );
    this.#take(family, state.sweep);
  }

  #drive(family: IpFamily, now: Instant, act: (sweep: NatSweep) => void): void {
    const state = this.#families[family];
    const { sweep } = state;
    if (sweep === undefined) return;
    act(sweep);
    if (sweep.triedHairpin) state.hairpinAt ??= now;
    this.#take(family, sweep);
    if (sweep.findings === undefined) return;
    state.sweep = undefined;
    if (sweep.triedHairpin) state.hairpinAt = now;
    state.silent = sweep.findings.isSilent ? state.silent + 1 : 0;
    const found = merge(state.findings, sweep.findings);
    const isFull = state.silent >= silentSweepsMin;
    state.findings = isFull ? { ...found, tablePressure: true } : found;
  }

  #take(family: IpFamily, sweep: NatSweep | undefined): void {
    for (let out = sweep?.poll(); out !== undefined; out = sweep?.poll()) {
      this.#outputs.push({ ...out, family });
    }
  }
}

/** The later word counts; what it leaves open stays as it was. */
function merge(before: SweepFindings | undefined, found: SweepFindings): SweepFindings {
  return {
    mapping: found.mapping ?? before?.mapping,
    filtering: found.filtering ?? before?.filtering,
    allocation: found.allocation ?? before?.allocation,
    hairpin: found.hairpin ?? before?.hairpin,
    tablePressure: found.tablePressure ?? before?.tablePressure,
    isSilent: found.isSilent,
  };
}

/** Nothing is open that another sweep could tell. */
function isComplete(findings: SweepFindings | undefined): boolean {
  const { mapping, filtering, allocation } = findings ?? {};
  const isAllocated = mapping === 'none' || allocation !== undefined;
  return mapping !== undefined && filtering !== undefined && isAllocated;
}
