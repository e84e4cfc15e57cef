/**
 * Who heard of which change when, out of what a fleet noted, and what that comes to. A server need not tell of an endpoint
 * that was replaced meanwhile: who hears of a later change of the same node has heard of the earlier ones.
 */
import { quantile } from '../figures/statistics.js';
import type { Notes } from './fleet/protocol.js';
import type { NetworkPlan } from './network-plan.js';

/** How late the fleet itself was: the worst of its processes. */
export interface FleetFigures {
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** Share of a processor. */
  readonly load: number;
}

export interface HearingFigures {
  /** From a client's sending until the last of its permitted peers has it, over changes. */
  readonly lastP50Ms: number;
  readonly lastP99Ms: number;
  readonly lastMaxMs: number;
  /** Until one peer has it, over changes and peers. */
  readonly eachP50Ms: number;
  readonly eachP99Ms: number;
  /** Peers that did not hear of a change in time. */
  readonly missing: number;
  /** Nodes that were told of a change and may not see whose it is, and those that were told of their own. */
  readonly needless: number;
  readonly fleet: FleetFigures;
}

export function fleetFigures(notes: readonly Notes[]): FleetFigures {
  const most = (of: (note: Notes) => number): number => Math.max(0, ...notes.map(of));
  return {
    delayP99Ms: most(({ delayP99Ms }) => delayP99Ms),
    delayMaxMs: most(({ delayMaxMs }) => delayMaxMs),
    load: most(({ load }) => load),
  };
}

export class Hearing {
  readonly #plan: NetworkPlan;
  readonly #speakers: ReadonlyMap<number, number>;
  readonly #sentAt = new Map<number, number>();
  /** By change: when each listener had it, or a later one. */
  readonly #heard = new Map<number, Map<number, number>>();
  /** The same node's change before. */
  readonly #before = new Map<number, number>();
  readonly #notes: Notes[] = [];
  #missing: number;
  #needless = 0;

  /** `speakers`: whose endpoint each change is, in the order of the changes. */
  constructor(plan: NetworkPlan, speakers: ReadonlyMap<number, number>) {
    this.#plan = plan;
    this.#speakers = speakers;
    const last = new Map<number, number>();
    for (const [change, speaker] of speakers) {
      const before = last.get(speaker);
      if (before !== undefined) this.#before.set(change, before);
      last.set(speaker, change);
    }
    this.#missing = [...speakers.values()].reduce((sum, index) => sum + plan.peersOf(index), 0);
  }

  /** Peers that have not heard of a change yet. */
  get missing(): number {
    return this.#missing;
  }

  take(notes: Notes): void {
    this.#notes.push(notes);
    for (const [change, at] of notes.sent) this.#sentAt.set(change, at);
    for (const [change, arrivals] of notes.arrived) {
      const speaker = this.#speakers.get(change);
      if (speaker !== undefined) this.#takeArrivals(change, speaker, arrivals);
    }
  }

  figures(): HearingFigures {
    const delays = [...this.#heard].flatMap(([change, times]) => {
      const sentAt = this.#sentAt.get(change);
      return sentAt === undefined ? [] : [[...times.values()].map((at) => at - sentAt)];
    });
    const last = delays.map((each) => each.reduce((most, delay) => Math.max(most, delay), 0));
    const each = delays.flat();
    return {
      lastP50Ms: quantile(last, 0.5),
      lastP99Ms: quantile(last, 0.99),
      lastMaxMs: quantile(last, 1),
      eachP50Ms: quantile(each, 0.5),
      eachP99Ms: quantile(each, 0.99),
      missing: this.#missing,
      needless: this.#needless,
      fleet: fleetFigures(this.#notes),
    };
  }

  #takeArrivals(change: number, speaker: number, arrivals: Float64Array): void {
    for (let at = 0; at < arrivals.length; at += 2) {
      const listener = arrivals[at] ?? speaker;
      if (this.#plan.sees(speaker, listener)) this.#hear(change, listener, arrivals[at + 1] ?? 0);
      else this.#needless++;
    }
  }

  #hear(change: number, listener: number, at: number): void {
    for (let each: number | undefined = change; each !== undefined; ) {
      const times = this.#heard.get(each) ?? new Map<number, number>();
      if (times.has(listener)) return;
      this.#heard.set(each, times.set(listener, at));
      this.#missing--;
      each = this.#before.get(each);
    }
  }
}
