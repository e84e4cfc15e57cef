/**
 * What one check of the network found, and how the answers of STUN servers add up to it.
 *
 * Differences from the official client, all towards certainty: whether the mapping varies is judged by
 * answers from different server addresses only (a second answer of the same server says nothing), and
 * every mapping is kept with the server that saw it, for whoever wants to predict ports.
 */
import type { Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, familyOf, type IpFamily } from '../ip/address.js';

/** One STUN answer. */
export interface MappingObservation {
  readonly regionId: RegionId;
  readonly family: IpFamily;
  readonly server: Endpoint;
  /** How the server saw our socket. */
  readonly mapped: Endpoint;
  readonly latencyMs: number;
  /** Shows that the mapped address is ours; of the relays that give one (token-relay.ts). */
  readonly addressToken?: Uint8Array;
}

export interface NetcheckReport {
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  /** Every region was measured, not only the near ones. */
  readonly full: boolean;
  /** A person asked for it. */
  readonly thorough: boolean;
  /** At least one STUN answer came. */
  readonly udp: boolean;
  /** A server answered over the family, by STUN or else over HTTPS. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** IPv4 only; undefined with fewer than two servers heard. */
  readonly mappingVariesByDestIp: boolean | undefined;
  /** The first IPv4 answer: the nearest server's. */
  readonly globalV4: Endpoint | undefined;
  /** The latest IPv6 answer. */
  readonly globalV6: Endpoint | undefined;
  /** How often each mapped address was seen. */
  readonly addressCounts: ReadonlyMap<Endpoint, number>;
  readonly observations: readonly MappingObservation[];
  /** The faster of both families. */
  readonly regionLatencyMs: ReadonlyMap<RegionId, number>;
  readonly regionV4LatencyMs: ReadonlyMap<RegionId, number>;
  readonly regionV6LatencyMs: ReadonlyMap<RegionId, number>;
  /** Measured when no STUN server answered; not comparable with the others. */
  readonly regionHttpsLatencyMs: ReadonlyMap<RegionId, number>;
  /** Undefined: not looked for, or nobody answered. */
  readonly captivePortal: boolean | undefined;
  /** The relay to call home; undefined: no opinion. */
  readonly homeRegion: RegionId | undefined;
}

/** What http-probes.ts has found. */
export interface HttpFindings {
  readonly httpsLatencyMs: ReadonlyMap<RegionId, number>;
  readonly captivePortal: boolean | undefined;
  reached(family: IpFamily): boolean;
}

/** Our public addresses, the surest first. */
export function advertisedAddresses(report: NetcheckReport): readonly Endpoint[] {
  const advertised = new Set<Endpoint>();
  if (report.globalV4 !== undefined) advertised.add(report.globalV4);
  if (report.globalV6 !== undefined) advertised.add(report.globalV6);
  // Seen once it may be a hard NAT's mapping for that server alone; seen again it serves several.
  for (const [mapped, count] of report.addressCounts) if (count > 1) advertised.add(mapped);
  return [...advertised];
}

/** Smallest of `latencies` and of what `into` has, by region. */
function keepFaster(into: Map<RegionId, number>, regionId: RegionId, latencyMs: number): void {
  into.set(regionId, Math.min(latencyMs, into.get(regionId) ?? Infinity));
}

/** Collects the answers of one check. */
export class ReportBuilder {
  readonly startedAt: Instant;
  readonly full: boolean;
  readonly thorough: boolean;
  readonly #observations: MappingObservation[] = [];
  readonly #latencyMs = new Map<RegionId, number>();
  readonly #byFamily = { 4: new Map<RegionId, number>(), 6: new Map<RegionId, number>() };

  constructor(startedAt: Instant, full: boolean, thorough = false) {
    this.thorough = thorough;
    this.startedAt = startedAt;
    this.full = full;
  }

  add(observation: MappingObservation): void {
    this.#observations.push(observation);
    keepFaster(this.#latencyMs, observation.regionId, observation.latencyMs);
    keepFaster(this.#byFamily[observation.family], observation.regionId, observation.latencyMs);
  }

  has(regionId: RegionId, family: IpFamily): boolean {
    return this.#byFamily[family].has(regionId);
  }

  heard(family: IpFamily): boolean {
    return this.#byFamily[family].size > 0;
  }

  get regionLatencyMs(): ReadonlyMap<RegionId, number> {
    return this.#latencyMs;
  }

  /** The slowest region so far; undefined before the first answer. */
  get slowestMs(): number | undefined {
    return this.#latencyMs.size === 0 ? undefined : Math.max(...this.#latencyMs.values());
  }

  /** True when IPv4 mappings towards two server addresses differ, false when they agree. */
  get mappingVariesByDestIp(): boolean | undefined {
    const mappedBy = new Map<string, Endpoint>();
    for (const { family, server, mapped } of this.#observations) {
      // The latest per server: a mapping that was renewed meanwhile isn't one that varies.
      if (family === 4) mappedBy.set(endpointAddress(server), mapped);
    }
    if (mappedBy.size < 2) return undefined;
    return new Set(mappedBy.values()).size > 1;
  }

  finish(
    finishedAt: Instant,
    homeRegion: RegionId | undefined,
    http: HttpFindings,
  ): NetcheckReport {
    const counts = new Map<Endpoint, number>();
    for (const { mapped } of this.#observations) counts.set(mapped, (counts.get(mapped) ?? 0) + 1);
    const mapped = (family: IpFamily): Endpoint[] =>
      this.#observations
        .map((observation) => observation.mapped)
        .filter((seen) => familyOf(endpointAddress(seen)) === family);
    return {
      startedAt: this.startedAt,
      finishedAt,
      full: this.full,
      thorough: this.thorough,
      udp: this.#observations.length > 0,
      ipv4: this.heard(4) || http.reached(4),
      ipv6: this.heard(6) || http.reached(6),
      mappingVariesByDestIp: this.mappingVariesByDestIp,
      globalV4: mapped(4)[0],
      globalV6: mapped(6).at(-1),
      addressCounts: counts,
      observations: this.#observations,
      regionLatencyMs: this.#latencyMs,
      regionV4LatencyMs: this.#byFamily[4],
      regionV6LatencyMs: this.#byFamily[6],
      regionHttpsLatencyMs: http.httpsLatencyMs,
      captivePortal: http.captivePortal,
      homeRegion,
    };
  }
}
