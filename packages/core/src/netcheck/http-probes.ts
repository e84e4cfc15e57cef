/**
 * What one check learns over HTTP: latencies when no STUN server answers, and whether a captive portal is in
 * the way. The shell does the requests; this says which, waits for them, and keeps their results apart.
 *
 *     200 ms after the start of a full check, unless STUN has answered by then:
 *         GET http://RELAY/generate_204 from up to five relays that serve port 80
 *     when the STUN phase ends without any answer:
 *         GET /derp/latency-check over TLS from every region with a relay, timed by the shell
 *
 * A portal answers for everybody; who can't echo the challenge is one. Errors and silence prove nothing. The
 * whole check ends 5 s after it began, whatever is missing. Latencies over HTTPS include a server's scheduling,
 * so they are never mixed with those of STUN.
 */
import { after, earliest, type Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import { familyOf, type IpAddress, type IpFamily, parseAddress } from '../ip/address.js';
import type { RelayMap, RelayNode, RelayRegion } from '../netmap/types.js';

/** The whole check, as people wait for it. */
export const checkMs = 5000;
/** STUN answers from anywhere on a good network have come by then. */
export const captiveDelayMs = 200;
export const captiveProbesMax = 5;
/** Regions asked over HTTPS at once: more handshakes than this would measure each other. */
export const httpsRegionsMax = 16;

export type HttpProbeOutput =
  /** Measure `GET /derp/latency-check` on a connection to the region's first relay that can be reached. */
  | { readonly type: 'https-probe'; readonly probe: number; readonly regionId: RegionId }
  /** Ask `address` on port 80 for `/generate_204` with the challenge `ts_HOST`. */
  | {
      readonly type: 'captive-probe';
      readonly probe: number;
      readonly address: IpAddress;
      readonly host: string;
    }
  /** Nobody waits for these any more. */
  | { readonly type: 'cancel-probes'; readonly probes: readonly number[] };

/** What a captive probe found; `failed`: no answer, so nothing. */
export type CaptiveResult = 'captive' | 'clear' | 'failed';

export interface HttpsResult {
  readonly latencyMs: number;
  readonly family: IpFamily;
}

export interface HttpProbesOptions {
  readonly startedAt: Instant;
  readonly full: boolean;
  /** A person asks: captive portals are looked for although STUN answers. */
  readonly thorough: boolean;
  readonly relayMap: RelayMap;
  readonly homeRegion: RegionId | undefined;
  /** Regions to ask over HTTPS should STUN fail; undefined: all. */
  readonly httpsRegions: ReadonlySet<RegionId> | undefined;
  /** Numbers that no earlier probe had. */
  readonly nextProbe: () => number;
  readonly push: (output: HttpProbeOutput) => void;
}

export class HttpProbes {
  readonly #options: HttpProbesOptions;
  readonly #httpsLatencyMs = new Map<RegionId, number>();
  readonly #families = new Set<IpFamily>();
  readonly #https = new Map<number, RegionId>();
  readonly #captive = new Set<number>();
  #captiveAt: Instant | undefined;
  #captivePortal: boolean | undefined;
  #httpsStarted = false;

  constructor(options: HttpProbesOptions) {
    this.#options = options;
    if (options.full && captiveCandidates(options).length > 0) {
      this.#captiveAt = after(options.startedAt, captiveDelayMs);
    }
  }

  get isThorough(): boolean {
    return this.#options.thorough;
  }

  /** Undefined: not looked for, or nobody answered. */
  get captivePortal(): boolean | undefined {
    return this.#captivePortal;
  }

  get httpsLatencyMs(): ReadonlyMap<RegionId, number> {
    return this.#httpsLatencyMs;
  }

  /** Every region was asked over HTTPS. */
  get askedAll(): boolean {
    return this.#httpsStarted && this.#options.httpsRegions === undefined;
  }

  /** The family came through TCP. */
  reached(family: IpFamily): boolean {
    return this.#families.has(family);
  }

  /** Starts what is due. `heardUdp`: a STUN server has answered; `stunOver`: no more of them is waited for. */
  run(now: Instant, heardUdp: boolean, stunOver: boolean): void {
    if (this.#captiveAt !== undefined && now >= this.#captiveAt) {
      this.#captiveAt = undefined;
      if (!heardUdp || this.#options.thorough) this.#askCaptive();
    }
    if (!stunOver) return;
    if (heardUdp && !this.#options.thorough) {
      // Who hears STUN servers isn't held up by a portal, and needs no other latencies.
      this.#captiveAt = undefined;
      this.#cancel(this.#captive);
    }
    if (!heardUdp && !this.#httpsStarted) this.#askHttps();
  }

  https(probe: number, result: HttpsResult | undefined): void {
    const regionId = this.#https.get(probe);
    if (regionId === undefined) return;
    this.#https.delete(probe);
    if (result === undefined) return;
    this.#httpsLatencyMs.set(regionId, Math.max(0, result.latencyMs));
    this.#families.add(result.family);
  }

  captive(probe: number, result: CaptiveResult): void {
    if (!this.#captive.delete(probe) || result === 'failed') return;
    this.#captivePortal = result === 'captive' || this.#captivePortal === true;
    // One that lies is enough.
    if (result === 'captive') this.#cancel(this.#captive);
  }

  /** Nothing is missing, or it is too late for it. */
  isFinished(now: Instant): boolean {
    if (now >= after(this.#options.startedAt, checkMs)) return true;
    return this.#captiveAt === undefined && this.#captive.size === 0 && this.#https.size === 0;
  }

  /** Gives up what is still under way. */
  end(): void {
    this.#captiveAt = undefined;
    this.#cancel(this.#captive);
    this.#cancel(this.#https);
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#captiveAt, after(this.#options.startedAt, checkMs));
  }

  #askCaptive(): void {
    const { nextProbe, push } = this.#options;
    for (const { address, host } of captiveCandidates(this.#options)) {
      const probe = nextProbe();
      this.#captive.add(probe);
      push({ type: 'captive-probe', probe, address, host });
    }
  }

  #askHttps(): void {
    this.#httpsStarted = true;
    const { httpsRegions, nextProbe, push } = this.#options;
    const wanted = measurable(this.#options).filter(({ id }) => httpsRegions?.has(id) !== false);
    for (const { id } of wanted.slice(0, httpsRegionsMax)) {
      const probe = nextProbe();
      this.#https.set(probe, id);
      push({ type: 'https-probe', probe, regionId: id });
    }
  }

  #cancel(waiting: Set<number> | Map<number, RegionId>): void {
    if (waiting.size === 0) return;
    this.#options.push({ type: 'cancel-probes', probes: [...waiting.keys()] });
    waiting.clear();
  }
}

type Places = Pick<HttpProbesOptions, 'relayMap' | 'homeRegion'>;

/** Regions with a relay, home first. */
function measurable({ relayMap, homeRegion }: Places): RelayRegion[] {
  return [...relayMap.regions.values()]
    .filter((region) => !region.noMeasureNoHome && region.nodes.some((node) => !node.stunOnly))
    .sort((a, b) => Number(b.id === homeRegion) - Number(a.id === homeRegion) || a.id - b.id);
}

/** IPv4 literals only: a portal may answer a look-up itself. */
function captiveCandidates(places: Places): { address: IpAddress; host: string }[] {
  const nodes = measurable(places).flatMap((region) => region.nodes);
  const found = nodes.flatMap((node: RelayNode) => {
    const literal = parseAddress(node.hostName);
    const own = literal !== undefined && familyOf(literal) === 4 ? literal : undefined;
    const address = node.ipv4 ?? own;
    return node.canPort80 === true && address !== undefined
      ? [{ address, host: node.hostName }]
      : [];
  });
  return found.slice(0, captiveProbesMax);
}
