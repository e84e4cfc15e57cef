/**
 * The public internet: uplinks in regions, the delay between them, and what goes wrong on the way.
 *
 *     uplink --access delay--> region --link delay--> region --access delay--> uplink
 *
 * A datagram is lost by chance at either uplink, or because one of the two is down, or because a fault says
 * so; a late one (jitter) is overtaken by others, which is all that reordering is. A region is one router, which
 * takes a hop. IPv4 and IPv6 alike: addresses are names.
 */
import { assert } from '@warren/core/base/assert';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { endpointAddress, type IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixContains } from '@warren/core/ip/prefix';
import type { SimClock } from '../clock/sim-clock.js';
import type { Trace } from '../clock/trace.js';
import { type Datagram, passedOn } from './datagram.js';

/** What an access line does to packets; changed while the world runs. */
export interface LineQuality {
  up: boolean;
  /** Share of packets lost, each way. */
  loss: number;
  /** Share of packets that come late, and by how much at most. */
  lateShare: number;
  lateMs: number;
}

/** Where somebody is attached to the internet. */
export interface Uplink {
  readonly name: string;
  readonly region: string;
  readonly accessMs: number;
  /** Public addresses; replaced when a provider hands out others. */
  addresses: readonly IpAddress[];
  /** Prefixes that are routed there. */
  readonly routed: readonly Prefix[];
  readonly quality: LineQuality;
  readonly receive: (datagram: Datagram) => void;
}

export function goodLine(): LineQuality {
  return { up: true, loss: 0, lateShare: 0, lateMs: 0 };
}

export interface InternetOptions {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly trace: Trace;
}

/** A way through the internet that swallows UDP between two lines, in both directions. */
interface Cut {
  readonly a: Uplink;
  readonly b: Uplink;
}

export class Internet {
  /** Wiretaps: they hear of every datagram that sets out over the internet. */
  readonly taps = new Set<(datagram: Datagram) => void>();
  readonly #options: InternetOptions;
  readonly #uplinks = new Map<IpAddress, Uplink>();
  readonly #routes = new Map<Prefix, Uplink>();
  readonly #regionDelays = new Map<string, number>();
  readonly #cuts = new Set<Cut>();

  constructor(options: InternetOptions) {
    this.#options = options;
  }

  setRegionDelay(a: string, b: string, oneWayMs: number): void {
    this.#regionDelays.set(`${a} ${b}`, oneWayMs);
    this.#regionDelays.set(`${b} ${a}`, oneWayMs);
  }

  attach(uplink: Uplink): void {
    for (const address of uplink.addresses) {
      assert(!this.#uplinks.has(address), `${address} has one owner`);
      this.#uplinks.set(address, uplink);
    }
    for (const prefix of uplink.routed) this.#routes.set(prefix, uplink);
  }

  detach(uplink: Uplink): void {
    for (const address of uplink.addresses) {
      if (this.#uplinks.get(address) === uplink) this.#uplinks.delete(address);
    }
    for (const prefix of uplink.routed) this.#routes.delete(prefix);
  }

  ownerOf(address: IpAddress): Uplink | undefined {
    const owner = this.#uplinks.get(address);
    if (owner !== undefined) return owner;
    for (const [prefix, uplink] of this.#routes) if (prefixContains(prefix, address)) return uplink;
    return undefined;
  }

  /** One way, without jitter. */
  oneWayMs(from: Uplink, to: Uplink): number {
    const between =
      from.region === to.region ? 0 : this.#regionDelays.get(`${from.region} ${to.region}`);
    assert(between !== undefined, `${from.region} and ${to.region} are linked`);
    return from.accessMs + between + to.accessMs;
  }

  /** Swallows all UDP between two lines until the result is called. */
  cut(a: Uplink, b: Uplink): () => void {
    const cut = { a, b };
    this.#cuts.add(cut);
    return () => {
      this.#cuts.delete(cut);
    };
  }

  /** Sends a datagram that already has its public source. */
  send(from: Uplink, sent: Datagram): void {
    for (const tap of this.taps) tap(sent);
    const to = this.ownerOf(endpointAddress(sent.target));
    const reason = this.#whyLost(from, to);
    const datagram = to === undefined ? undefined : throughHubs(sent, from, to);
    if (reason !== undefined || to === undefined || datagram === undefined) {
      this.#drop(reason ?? 'hops', sent);
      return;
    }
    const delayMs = this.oneWayMs(from, to) + this.#lateness(from) + this.#lateness(to);
    this.#options.clock.later(delayMs, () => {
      const arrived = to.quality.up && this.ownerOf(endpointAddress(datagram.target)) === to;
      if (arrived) to.receive(datagram);
      else this.#drop('line-down', datagram);
    });
  }

  /** True when a segment of a stream gets lost now; it is sent again. */
  losesSegment(from: Uplink, to: Uplink): boolean {
    if (!from.quality.up || !to.quality.up) return true;
    return this.#byChance(from.quality.loss) || this.#byChance(to.quality.loss);
  }

  #whyLost(from: Uplink, to: Uplink | undefined): string | undefined {
    if (!from.quality.up) return 'line-down';
    if (to === undefined) return 'no-route';
    for (const { a, b } of this.#cuts) {
      if ((a === from && b === to) || (a === to && b === from)) return 'cut';
    }
    return this.#byChance(from.quality.loss) || this.#byChance(to.quality.loss)
      ? 'loss'
      : undefined;
  }

  #lateness({ quality }: Uplink): number {
    if (!this.#byChance(quality.lateShare)) return 0;
    return this.#options.random.fraction() * quality.lateMs;
  }

  /** Doesn't touch the random stream where nothing is left to chance. */
  #byChance(share: number): boolean {
    return share > 0 && this.#options.random.fraction() < share;
  }

  #drop(reason: string, { source, target, bytes }: Datagram): void {
    this.#options.trace.note('drop', reason, source, target, bytes);
  }
}

/** Each region is a router. */
function throughHubs(datagram: Datagram, from: Uplink, to: Uplink): Datagram | undefined {
  const first = passedOn(datagram);
  return first === undefined || from.region === to.region ? first : passedOn(first);
}
