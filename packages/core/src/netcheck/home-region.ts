/**
 * Which relay to call home: the nearest by the best latency of the last five minutes, with a strong bent
 * to stay where we are, because every move costs our peers a network map before they find us again.
 */
import { after, type Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';

/** Reports that count: two full reports always lie within. */
export const historyMs = 305_000;
/** A gain below this isn't worth a move. */
export const minGainMs = 10;
/** Nor is a move to a region that still takes more than this share of the old one's latency. */
export const maxShareOfOld = 2 / 3;
/** A relay frame this recent shows that the home is alive although its STUN is silent. */
export const heardAliveMs = 8000;
/** Two of the relay's keep-alives: with no latency at all, a home heard this recently is kept. */
export const heardLongAliveMs = 120_000;

/** Best latency by region over the reports of the last five minutes. */
export class LatencyHistory {
  readonly #reports: { at: Instant; latencyMs: ReadonlyMap<RegionId, number> }[] = [];

  add(at: Instant, latencyMs: ReadonlyMap<RegionId, number>): void {
    this.#reports.push({ at, latencyMs });
    while (this.#reports[0] !== undefined && after(this.#reports[0].at, historyMs) < at) {
      this.#reports.shift();
    }
  }

  best(): ReadonlyMap<RegionId, number> {
    const best = new Map<RegionId, number>();
    for (const report of this.#reports) {
      for (const [regionId, latencyMs] of report.latencyMs) {
        best.set(regionId, Math.min(latencyMs, best.get(regionId) ?? Infinity));
      }
    }
    return best;
  }

  /** The latest report's latencies. */
  latest(): ReadonlyMap<RegionId, number> {
    return this.#reports.at(-1)?.latencyMs ?? new Map();
  }

  /** After a change of network old latencies are another network's. */
  clear(): void {
    this.#reports.length = 0;
  }
}

/**
 * A home for who can measure nothing (no UDP at all): the same region at every start, a different one for
 * different nodes, so that a large blocked network doesn't fall upon one relay.
 */
export function arbitraryHome(regions: readonly RegionId[], seed: number): RegionId | undefined {
  const sorted = [...regions].sort((a, b) => a - b);
  return sorted[seed % Math.max(1, sorted.length)];
}

export interface HomeQuestion {
  readonly previous: RegionId | undefined;
  /** Latencies of this report. */
  readonly currentMs: ReadonlyMap<RegionId, number>;
  /** Best latencies of the last five minutes, this report included. */
  readonly recentMs: ReadonlyMap<RegionId, number>;
  readonly reportStartedAt: Instant;
  /** When the previous home's relay connection last brought a frame. */
  readonly previousHeardAt: Instant | undefined;
  readonly now: Instant;
}

/** The region to call home; undefined when nothing speaks for any. */
export function chooseHome(question: HomeQuestion): RegionId | undefined {
  const { previous, currentMs, recentMs, previousHeardAt, now } = question;
  const heardWithin = (ms: number): boolean =>
    previousHeardAt !== undefined && now - previousHeardAt <= ms;
  if (currentMs.size === 0) {
    return previous !== undefined && heardWithin(heardLongAliveMs) ? previous : undefined;
  }
  let nearest: RegionId | undefined;
  let nearestMs = Infinity;
  for (const [regionId, latencyMs] of currentMs) {
    const recent = Math.min(latencyMs, recentMs.get(regionId) ?? Infinity);
    if (recent < nearestMs || (recent === nearestMs && regionId < (nearest ?? Infinity))) {
      nearest = regionId;
      nearestMs = recent;
    }
  }
  if (previous === undefined || nearest === previous) return nearest;
  const previousMs = currentMs.get(previous);
  const heard =
    heardWithin(heardAliveMs) ||
    (previousHeardAt !== undefined && previousHeardAt >= question.reportStartedAt);
  if (previousMs === undefined) return heard ? previous : nearest;
  const keeps = previousMs - nearestMs < minGainMs || nearestMs > previousMs * maxShareOfOld;
  return keeps ? previous : nearest;
}
