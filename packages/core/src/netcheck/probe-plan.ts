/**
 * Which STUN servers one check asks, how often and when.
 *
 * A full plan asks every region: three tries 100 ms apart over the region's nodes, per family. An
 * incremental plan asks home and the three nearest, with tries spaced by what they took last time. One
 * probe set is one region and family; its first answer ends it.
 */
import type { RegionId } from '../engines/paths.js';
import { familyOf, type IpFamily, parseAddress } from '../ip/address.js';
import type { RelayMap, RelayNode, RelayRegion } from '../netmap/types.js';

/** Between the tries of a full plan. */
export const fullRetryMs = 100;
/** Tries of a full plan, per region and family. */
export const fullTries = 3;
/** Assumed for a region without history. */
export const unknownLatencyMs = 200;
/** Regions of an incremental plan besides home. */
export const incrementalRegions = 3;
/** A try waits this many times the last latency for the one before it. */
const retryFactor = 1.2;
/** And from the third try on this much more for each, so that a burst of loss is outlived. */
const laterRetryMs = 50;
const homeTries = 4;
const nearTries = 2;
/** Regions asked at most: a map with more is not one of relays near us. */
export const maxPlannedRegions = 256;

export interface Probe {
  readonly delayMs: number;
  readonly node: RelayNode;
}

export interface ProbeSet {
  readonly regionId: RegionId;
  readonly family: IpFamily;
  readonly probes: readonly Probe[];
}

/** What the plan knows of this host and of the last check. */
export interface PlanContext {
  readonly relayMap: RelayMap;
  /** Families with an open socket. */
  readonly families: readonly IpFamily[];
  readonly homeRegion: RegionId | undefined;
  readonly lastLatencyMs: ReadonlyMap<RegionId, number>;
  /** The last check heard a server over IPv6. */
  readonly hadIpv6: boolean;
  /** The last check heard a server over IPv4. */
  readonly hadIpv4: boolean;
}

/** True unless the map or a literal host name rules the family out for this node. */
function mayHave(node: RelayNode, family: IpFamily): boolean {
  if (node.stunPort === undefined) return false;
  const listed = family === 4 ? node.ipv4 : node.ipv6;
  if (listed !== undefined) return listed !== null;
  const literal = parseAddress(node.hostName);
  return literal === undefined || familyOf(literal) === family;
}

function probeSet(
  region: RelayRegion,
  family: IpFamily,
  tries: number,
  delayMs: (attempt: number) => number,
): ProbeSet | undefined {
  const nodes = region.nodes.filter((node) => mayHave(node, family));
  const probes: Probe[] = [];
  for (let attempt = 0; attempt < tries; attempt++) {
    const node = nodes[attempt % Math.max(1, nodes.length)];
    if (node !== undefined) probes.push({ delayMs: delayMs(attempt), node });
  }
  return probes.length === 0 ? undefined : { regionId: region.id, family, probes };
}

function measurable(context: PlanContext): RelayRegion[] {
  return [...context.relayMap.regions.values()]
    .filter((region) => !region.noMeasureNoHome)
    .slice(0, maxPlannedRegions);
}

/** Every region. */
export function fullPlan(context: PlanContext): readonly ProbeSet[] {
  const sets = measurable(context).flatMap((region) =>
    context.families.map((family) =>
      probeSet(region, family, fullTries, (attempt) => attempt * fullRetryMs),
    ),
  );
  return sets.filter((set) => set !== undefined);
}

/** How often to ask the region at `index` of the nearest, per family. */
function incrementalTries(
  index: number,
  isHome: boolean,
  context: PlanContext,
): Map<IpFamily, number> {
  const tries = new Map<IpFamily, number>();
  const both = context.families.includes(4) && context.families.includes(6);
  const hadBoth = both && context.hadIpv4 && context.hadIpv6;
  const wanted = isHome ? homeTries : index < 2 ? nearTries : 1;
  for (const family of context.families) {
    let count = wanted;
    if (family === 6 && !context.hadIpv6) {
      // One try tells whether IPv6 came up; the third region needn't ask again.
      count = isHome || index < 2 ? 1 : 0;
    } else if (!isHome && index >= 2 && hadBoth) {
      count = family === (index % 2 === 0 ? 4 : 6) ? 1 : 0;
    }
    if (count > 0) tries.set(family, count);
  }
  return tries;
}

/** Home and the nearest regions of the last check. */
export function incrementalPlan(context: PlanContext): readonly ProbeSet[] {
  const lastMs = (region: RelayRegion): number => context.lastLatencyMs.get(region.id) ?? Infinity;
  const sorted = measurable(context).sort((a, b) =>
    lastMs(a) === lastMs(b) ? a.id - b.id : lastMs(a) - lastMs(b),
  );
  const sets: (ProbeSet | undefined)[] = [];
  for (const [index, region] of sorted.entries()) {
    const isHome = region.id === context.homeRegion;
    if (!isHome && index >= incrementalRegions) continue;
    const latencyMs = context.lastLatencyMs.get(region.id) ?? unknownLatencyMs;
    const delayMs = (attempt: number): number =>
      attempt * retryFactor * latencyMs + (attempt > 1 ? attempt * laterRetryMs : 0);
    for (const [family, tries] of incrementalTries(index, isHome, context)) {
      sets.push(probeSet(region, family, tries, delayMs));
    }
  }
  return sets.filter((set) => set !== undefined);
}
