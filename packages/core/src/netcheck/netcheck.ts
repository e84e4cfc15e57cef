/**
 * The network check: asks the relays' STUN servers how our sockets look from outside and how far they are,
 * and decides which relay to call home.
 *
 *     idle --check wanted, map and a socket there--> checking --all heard or time over--> report, idle
 *     checking --no answer in 3 s--> latencies over HTTPS (http-probes.ts), at most 2 s more--> report, idle
 *     idle --20 to 26 s later, while periodic--> checking
 *
 * It uses the node's own sockets, so what it learns is what peers will meet. A check wanted while one runs
 * follows it. Full checks ask every region: the first, after a change of network, after one without any
 * answer, and every 5 minutes; the others ask home and the three nearest regions.
 */
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { randomBetween } from '../base/random.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpoint, type IpAddress, type IpFamily } from '../ip/address.js';
import type { RelayMap, RelayNode } from '../netmap/types.js';
import type { Machine, Random } from '../ports.js';
import { decodeBindingResponse } from '../stun/binding.js';
import { Check } from './check.js';
import { arbitraryHome, chooseHome, LatencyHistory } from './home-region.js';
import {
  type CaptiveResult,
  type HttpProbeOutput,
  HttpProbes,
  type HttpsResult,
} from './http-probes.js';
import { fullPlan, incrementalPlan } from './probe-plan.js';
import { PENDING, type Pending, RelayAddresses } from './relay-addresses.js';
import { type NetcheckReport, ReportBuilder } from './report.js';
import { tokenRelayOf } from './token-relay.js';

/** Below the 30 s after which common NATs forget a mapping. */
export const periodicMinMs = 20_000;
/** Spread, so that the nodes of one site don't ask in step. */
export const periodicMaxMs = 26_000;
/** A region whose relay refused connections isn't home again before this, twice as long each time ... */
export const avoidHomeMs = 60_000;
/** ... up to this: every try costs our peers the time until we leave again. */
export const avoidHomeMaxMs = 60 * 60_000;
/** Besides home, of a network without UDP, between two measurements of all; each costs a TLS handshake. */
const nearHttpsRegions = 2;
/** All regions are measured again after this. */
export const fullEveryMs = 5 * 60_000;

export type NetcheckInput =
  | { readonly type: 'relay-map'; readonly relayMap: RelayMap }
  /** A socket of the family opened or closed; what waits for one starts by that. */
  | { readonly type: 'socket'; readonly family: IpFamily; readonly open: boolean }
  | { readonly type: 'resolved'; readonly host: string; readonly addresses: readonly IpAddress[] }
  | {
      readonly type: 'datagram';
      readonly source: Endpoint;
      readonly bytes: Uint8Array;
      readonly receivedAt: Instant;
    }
  | { readonly type: 'unreachable'; readonly remote: Endpoint }
  /** Check now, or after the check under way; `thorough` when a person waits for all that can be told. */
  | { readonly type: 'check'; readonly full: boolean; readonly thorough?: boolean }
  | {
      readonly type: 'https-result';
      readonly probe: number;
      readonly result: HttpsResult | undefined;
    }
  | { readonly type: 'captive-result'; readonly probe: number; readonly result: CaptiveResult }
  /** What was measured belongs to another network: start over. */
  | { readonly type: 'network-changed' }
  /** Whether checks repeat by themselves. */
  | { readonly type: 'periodic'; readonly on: boolean }
  /** The relay of `regionId` refuses connections: prefer another home for a while. */
  | { readonly type: 'avoid-home'; readonly regionId: RegionId }
  /** The relay connection to `regionId` brought a frame. */
  | { readonly type: 'relay-heard'; readonly regionId: RegionId }
  | { readonly type: 'timeout' };

export type NetcheckOutput =
  | {
      readonly type: 'send';
      readonly family: IpFamily;
      readonly remote: Endpoint;
      readonly bytes: Uint8Array;
    }
  | { readonly type: 'resolve'; readonly host: string }
  | HttpProbeOutput
  | { readonly type: 'report'; readonly report: NetcheckReport };

export interface NetcheckOptions {
  readonly random: Random;
  readonly counters: Counters;
  /** Picks the home of a node that can measure nothing; the same at every start. */
  readonly homeSeed: number;
}

export class Netcheck implements Machine<NetcheckInput, NetcheckOutput> {
  /** STUN servers may be on this very machine, and see loopback addresses. */
  allowLoopback = false;

  readonly #options: NetcheckOptions;
  readonly #outputs: NetcheckOutput[] = [];
  readonly #addresses = new RelayAddresses();
  readonly #history = new LatencyHistory();
  readonly #families = new Set<IpFamily>();
  #relayMap: RelayMap | undefined;
  readonly #httpsHistory = new LatencyHistory();
  #check: Check | undefined;
  #isStunOver = false;
  /** When all regions were last asked over HTTPS. */
  #allHttpsAt: Instant | undefined;
  /** Of the check under way. */
  #http: HttpProbes | undefined;
  #probes = 0;
  #wanted: { full: boolean; thorough: boolean } | undefined;
  #last: NetcheckReport | undefined;
  #lastFullAt: Instant | undefined;
  #home: RegionId | undefined;
  #homeHeardAt: Instant | undefined;
  /** Regions not to call home, until when and how long that was; bounded by the relay map. */
  readonly #avoided = new Map<RegionId, { until: Instant; forMs: number }>();
  #periodic = false;
  /** The next check by itself. */
  #periodicAt: Instant | undefined;

  constructor(options: NetcheckOptions) {
    this.#options = options;
  }

  /** True while a check runs or waits for its turn. */
  get busy(): boolean {
    return this.#check !== undefined || this.#wanted !== undefined;
  }

  handle(input: NetcheckInput, now: Instant): void {
    switch (input.type) {
      case 'relay-map':
        this.#relayMap = input.relayMap;
        this.#addresses.keepOnly(input.relayMap);
        this.#avoided.clear();
        if (this.#home !== undefined && !this.#homes().includes(this.#home)) this.#home = undefined;
        this.#want(true);
        break;
      case 'socket':
        if (input.open) this.#families.add(input.family);
        else this.#families.delete(input.family);
        break;
      case 'resolved':
        this.#addresses.resolved(input.host, input.addresses, now);
        break;
      case 'datagram':
        this.#datagram(input.source, input.bytes, input.receivedAt);
        break;
      case 'unreachable':
        this.#check?.refused(input.remote);
        break;
      case 'check':
        this.#want(input.full, input.thorough === true);
        break;
      case 'https-result':
        this.#http?.https(input.probe, input.result);
        break;
      case 'captive-result':
        this.#http?.captive(input.probe, input.result);
        break;
      case 'network-changed':
        this.#check = undefined;
        this.#http?.end();
        this.#history.clear();
        this.#httpsHistory.clear();
        this.#allHttpsAt = undefined;
        this.#avoided.clear();
        // Who waits for a thorough check gets it, of the new network.
        this.#want(true, this.#http?.isThorough);
        this.#http = undefined;
        break;
      case 'periodic':
        if (input.on === this.#periodic) break;
        this.#periodic = input.on;
        this.#arm(now);
        break;
      case 'avoid-home':
        if (!this.#isAvoided(input.regionId, now)) this.#avoid(input.regionId, now);
        break;
      case 'relay-heard':
        if (input.regionId === this.#home) this.#homeHeardAt = now;
        this.#avoided.delete(input.regionId);
        return; // once a frame: nothing else depends on it
      case 'timeout':
        break;
    }
    this.#run(now);
  }

  poll(): NetcheckOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.#check === undefined
      ? this.#periodicAt
      : earliest(
          this.#isStunOver ? undefined : this.#check.nextTimeout(),
          this.#http?.nextTimeout(),
          this.#periodicAt,
        );
  }

  #want(full: boolean, thorough = false): void {
    this.#wanted = {
      full: full || this.#wanted?.full === true,
      thorough: thorough || this.#wanted?.thorough === true,
    };
  }

  #run(now: Instant): void {
    if (this.#periodicAt !== undefined && now >= this.#periodicAt) {
      this.#periodicAt = undefined;
      if (!this.busy) this.#want(false);
    }
    this.#proceed(now);
    if (this.#check === undefined && this.#wanted !== undefined) this.#start(now);
  }

  /** Leads the check under way on, and to its end. */
  #proceed(now: Instant): void {
    const check = this.#check;
    const http = this.#http;
    if (check === undefined || http === undefined) return;
    if (!this.#isStunOver) {
      check.run(now);
      this.#isStunOver = check.isFinished(now);
    }
    http.run(now, check.builder.slowestMs !== undefined, this.#isStunOver);
    if (this.#isStunOver && http.isFinished(now)) this.#finish(check, http, now);
  }

  #start(now: Instant): void {
    const relayMap = this.#relayMap;
    if (relayMap === undefined || this.#families.size === 0) return;
    const full =
      this.#wanted?.full === true ||
      this.#last?.udp !== true ||
      this.#lastFullAt === undefined ||
      now - this.#lastFullAt >= fullEveryMs;
    const thorough = this.#wanted?.thorough === true;
    const isAskedFor = this.#wanted?.full === true;
    this.#wanted = undefined;
    const context = {
      relayMap,
      families: [...this.#families].sort((a, b) => a - b),
      homeRegion: this.#home,
      lastLatencyMs: this.#history.latest(),
      hadIpv4: this.#last?.ipv4 ?? false,
      hadIpv6: this.#last?.ipv6 ?? false,
    };
    this.#check = new Check({
      builder: new ReportBuilder(now, full, thorough),
      plan: full ? fullPlan(context) : incrementalPlan(context),
      random: this.#options.random,
      locate: (node, family, at) => this.#locate(node, family, at),
      givesTokens: (node) => tokenRelayOf(relayMap, node.regionId) === node,
      send: (family, remote, bytes) => this.#outputs.push({ type: 'send', family, remote, bytes }),
    });
    this.#http = new HttpProbes({
      startedAt: now,
      full,
      thorough,
      relayMap,
      homeRegion: this.#home,
      httpsRegions: isAskedFor ? undefined : this.#nearHttpsRegions(now),
      nextProbe: () => ++this.#probes,
      push: (output) => this.#outputs.push(output),
    });
    this.#isStunOver = false;
    this.#proceed(now);
  }

  /** Undefined: all. */
  #nearHttpsRegions(now: Instant): ReadonlySet<RegionId> | undefined {
    if (this.#allHttpsAt === undefined || now - this.#allHttpsAt >= fullEveryMs) return undefined;
    const nearest = [...this.#httpsHistory.best()].sort(([, a], [, b]) => a - b);
    const near = nearest.slice(0, nearHttpsRegions + 1).map(([regionId]) => regionId);
    return new Set(this.#home === undefined ? near : [this.#home, ...near]);
  }

  #finish(check: Check, http: HttpProbes, now: Instant): void {
    http.end();
    this.#check = undefined;
    this.#http = undefined;
    const { builder } = check;
    this.#history.add(now, builder.regionLatencyMs);
    this.#httpsHistory.add(now, http.httpsLatencyMs);
    if (http.askedAll) this.#allHttpsAt = now;
    this.#home = this.#chooseHome(builder, http, now);
    this.#last = builder.finish(now, this.#home, http);
    if (builder.full) this.#lastFullAt = now;
    this.#outputs.push({ type: 'report', report: this.#last });
    this.#arm(now);
  }

  #chooseHome(builder: ReportBuilder, http: HttpProbes, now: Instant): RegionId | undefined {
    // One class of measurement or the other, never a mixture.
    const isMeasured = builder.regionLatencyMs.size > 0;
    const latencyMs = isMeasured ? builder.regionLatencyMs : http.httpsLatencyMs;
    const history = isMeasured ? this.#history : this.#httpsHistory;
    const homes = this.#homes();
    const isGood = (regionId: RegionId): boolean => !this.#isAvoided(regionId, now);
    const measured = [...latencyMs].filter(([id]) => homes.includes(id));
    const good = measured.filter(([id]) => isGood(id));
    const currentMs = new Map(good.length > 0 ? good : measured);
    const isAvoided = this.#home !== undefined && good.length > 0 && !isGood(this.#home);
    const chosen = chooseHome({
      previous: isAvoided ? undefined : this.#home,
      currentMs,
      recentMs: history.best(),
      reportStartedAt: builder.startedAt,
      previousHeardAt: this.#homeHeardAt,
      now,
    });
    const home = chosen ?? this.#home ?? arbitraryHome(homes, this.#options.homeSeed);
    if (home !== this.#home) this.#homeHeardAt = undefined;
    return home;
  }

  #isAvoided(regionId: RegionId, now: Instant): boolean {
    const avoided = this.#avoided.get(regionId);
    return avoided !== undefined && now < avoided.until;
  }

  #avoid(regionId: RegionId, now: Instant): void {
    const before = this.#avoided.get(regionId)?.forMs ?? avoidHomeMs / 2;
    const forMs = Math.min(2 * before, avoidHomeMaxMs);
    this.#avoided.set(regionId, { until: after(now, forMs), forMs });
    this.#want(true);
  }

  /** Regions that may be home: measured ones with a relay, not STUN alone. */
  #homes(): RegionId[] {
    const regions = [...(this.#relayMap?.regions.values() ?? [])];
    return regions
      .filter((region) => !region.noMeasureNoHome && region.nodes.some((node) => !node.stunOnly))
      .map((region) => region.id);
  }

  #arm(now: Instant): void {
    if (!this.#periodic) {
      this.#periodicAt = undefined;
      return;
    }
    const waitMs = randomBetween(this.#options.random, periodicMinMs, periodicMaxMs);
    const at = after(this.#last?.finishedAt ?? now, waitMs);
    this.#periodicAt = at > now ? at : now;
  }

  #locate(node: RelayNode, family: IpFamily, now: Instant): Endpoint | Pending | undefined {
    const address = this.#addresses.find(node, family, now, (host) =>
      this.#outputs.push({ type: 'resolve', host }),
    );
    if (address === undefined || address === PENDING) return address;
    return node.stunPort === undefined ? undefined : endpoint(address, node.stunPort);
  }

  #datagram(source: Endpoint, bytes: Uint8Array, receivedAt: Instant): void {
    const { counters } = this.#options;
    const response = decodeBindingResponse(bytes, { allowLoopback: this.allowLoopback });
    if (response instanceof DecodeFailure) {
      counters.add(`stun-${response.reason}`);
      return;
    }
    const refusal =
      this.#check === undefined
        ? 'unknown-transaction'
        : this.#check.answer(response, source, receivedAt);
    if (refusal !== undefined) counters.add(`stun-${refusal}`);
  }
}
