/**
 * The connections to relay regions: which are wanted, when they are dialled, what waits for them.
 *
 *     closed --wanted--> dialling --relay-connected--> connected
 *     dialling, connected --relay-closed--> closed, dialled again after a pause while wanted
 *     connected --not home, unused for 60 s--> closed
 *
 * Home is always wanted; any other region for 60 s after its last packet in either direction. Packets wait
 * in a short queue while their region is dialled; the oldest make room. Packets that nothing comes back for
 * make us ask for a pong: the relay that took them, and home, where the answers come.
 */
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { randomBetween } from '../base/random.js';
import type { RegionId } from '../engines/paths.js';
import type { NodeKey } from '../keys/keys.js';
import type { Random } from '../ports.js';
import type { EngineOutputs } from './outputs.js';

/** A region other than home is closed when it brought and took nothing for this long. */
export const idleCloseMs = 60_000;
/** Packets waiting for one region; a handshake and a ping or two matter, bulk would be stale. */
export const maxQueuedPackets = 32;
/** A packet older than this is not sent any more: WireGuard has sent a new one meanwhile. */
export const queueLifetimeMs = 5000;
/** The pause after n failures is n squared times this ... */
const backOffStepMs = 10;
/** ... and never longer than this, before it is spread. */
const backOffMaxMs = 5000;
/** While packets are there that nothing else carries, a relay that comes back is found this soon. */
export const eagerBackOffMaxMs = 1000;
/** A dial under way for longer hangs on packets that were lost: a new one is faster than their repetition. */
export const hangingDialMs = 2_000;
/** Packets went out and none came in for this long: ask whether the connection still lives. */
export const probeAfterMs = 10_000;
/** The pause is spread by these factors, so that a relay's clients don't return in step. */
const spread = { low: 0.5, high: 1.5 };
/** A home that could not be connected for this long isn't one, however near its STUN server is. */
export const homeUnusableMs = 10_000;
/** A connection that lasted this long ends without counting the failures before it. */
export const stableMs = 10_000;

interface Waiting {
  readonly peer: NodeKey;
  readonly packet: Uint8Array;
  readonly since: Instant;
}

interface Link {
  state: 'closed' | 'dialling' | 'connected';
  failures: number;
  /** Since the first failure without a connection between. */
  failingSince: Instant | undefined;
  connectedAt: Instant | undefined;
  usedAt: Instant | undefined;
  dialAt: Instant | undefined;
  dialledAt: Instant | undefined;
  /** The end of the pause should packets want to go there. */
  eagerDialAt: Instant | undefined;
  /** When a packet last came, or we last asked for a pong. */
  heardAt: Instant | undefined;
  queue: Waiting[];
}

export interface RelayLinksOptions {
  readonly outputs: EngineOutputs;
  readonly random: Random;
  readonly counters: Counters;
}

export class RelayLinks {
  readonly #options: RelayLinksOptions;
  readonly #links = new Map<RegionId, Link>();
  #regions: ReadonlySet<RegionId> = new Set();
  #home: RegionId | undefined;

  constructor(options: RelayLinksOptions) {
    this.#options = options;
  }

  get home(): RegionId | undefined {
    return this.#home;
  }

  /** Those of the current relay map that have a relay. */
  get regions(): ReadonlySet<RegionId> {
    return this.#regions;
  }

  isConnected(regionId: RegionId): boolean {
    return this.#links.get(regionId)?.state === 'connected';
  }

  /** True when the region's relay could not be connected so far, or not any more. */
  isFailing(regionId: RegionId): boolean {
    return this.#links.get(regionId)?.failingSince !== undefined;
  }

  /** True when home has refused connections for long. */
  isHomeUnusable(now: Instant): boolean {
    const since = this.#home === undefined ? undefined : this.#links.get(this.#home)?.failingSince;
    return since !== undefined && now - since >= homeUnusableMs;
  }

  /** True for regions of the current relay map. */
  has(regionId: RegionId): boolean {
    return this.#regions.has(regionId);
  }

  /** State by region, for status. */
  states(): ReadonlyMap<RegionId, Link['state']> {
    return new Map([...this.#links].map(([regionId, { state }]) => [regionId, state]));
  }

  /** The relay map's regions with a relay; connections to others end. */
  setRegions(regions: ReadonlySet<RegionId>): void {
    this.#regions = regions;
    for (const regionId of [...this.#links.keys()]) {
      if (!regions.has(regionId)) this.#drop(regionId);
    }
    if (this.#home !== undefined && !regions.has(this.#home)) this.#home = undefined;
  }

  /** The region where peers find us; the old one stays open while it is used. */
  setHome(regionId: RegionId | undefined, now: Instant): void {
    const old = this.#home;
    if (regionId === old) return;
    this.#home = regionId;
    if (old !== undefined && this.isConnected(old)) {
      this.#prefer(old, false);
      this.use(old, now);
    }
    if (regionId === undefined) return;
    if (this.isConnected(regionId)) this.#prefer(regionId, true);
    else this.use(regionId, now);
  }

  /** Something is or will be sent there: have it ready. */
  use(regionId: RegionId, now: Instant): void {
    if (!this.#regions.has(regionId)) return;
    const link = this.#link(regionId);
    link.usedAt = now;
    if (link.state !== 'closed') return;
    if (link.dialAt === undefined) this.#dial(regionId, link, now);
    else if (link.eagerDialAt !== undefined && link.eagerDialAt < link.dialAt) {
      link.dialAt = link.eagerDialAt;
    }
  }

  /** Sends a packet, or keeps it until the region is connected. */
  transmit(regionId: RegionId, peer: NodeKey, packet: Uint8Array, now: Instant): void {
    if (!this.#regions.has(regionId)) {
      this.#options.counters.add('relay-unknown-region');
      return;
    }
    this.use(regionId, now);
    const link = this.#link(regionId);
    if (link.state === 'connected') {
      this.#options.outputs.push({ type: 'relay-transmit', regionId, peer, packet });
      this.#doubt(regionId, link, now);
      this.#doubtHome(now);
      return;
    }
    link.queue.push({ peer, packet, since: now });
    if (link.queue.length <= maxQueuedPackets) return;
    link.queue.shift();
    this.#options.counters.add('relay-queue-full');
  }

  connected(regionId: RegionId, now: Instant): void {
    const link = this.#links.get(regionId);
    if (link === undefined) {
      this.#options.counters.add('relay-unwanted-connection');
      this.#options.outputs.push({ type: 'relay-hangup', regionId });
      return;
    }
    link.state = 'connected';
    link.failingSince = undefined;
    link.connectedAt = now;
    link.usedAt = now;
    link.heardAt = now;
    link.dialAt = undefined;
    if (regionId === this.#home) this.#prefer(regionId, true);
    for (const { peer, packet, since } of link.queue) {
      if (now - since > queueLifetimeMs) this.#options.counters.add('relay-queue-stale');
      else this.#options.outputs.push({ type: 'relay-transmit', regionId, peer, packet });
    }
    link.queue = [];
  }

  /** A dial failed or a connection ended. */
  closed(regionId: RegionId, now: Instant): void {
    const link = this.#links.get(regionId);
    if (link === undefined || link.state === 'closed') return;
    const lasted = link.connectedAt !== undefined && now - link.connectedAt >= stableMs;
    link.failures = lasted ? 1 : link.failures + 1;
    link.state = 'closed';
    link.failingSince ??= now;
    link.connectedAt = undefined;
    if (!this.#isWanted(regionId, link, now)) {
      this.#links.delete(regionId);
      return;
    }
    const pauseMs = link.failures ** 2 * backOffStepMs;
    const factor = randomBetween(this.#options.random, spread.low, spread.high);
    link.dialAt = after(now, Math.min(pauseMs, backOffMaxMs) * factor);
    link.eagerDialAt = after(now, Math.min(pauseMs, eagerBackOffMaxMs) * factor);
    if (link.queue.some(({ since }) => now - since < queueLifetimeMs)) {
      link.dialAt = link.eagerDialAt;
    }
  }

  /** A frame came from there. */
  heard(regionId: RegionId, now: Instant): void {
    const link = this.#links.get(regionId);
    if (link === undefined) return;
    link.usedAt = now;
    link.heardAt = now;
  }

  /**
   * The network changed, our addresses did not: connections may have died without a word, and what could not
   * be reached may be reached now.
   */
  probe(now: Instant): void {
    for (const [regionId, link] of [...this.#links]) {
      if (link.state === 'connected') {
        this.#options.outputs.push({ type: 'relay-probe', regionId });
      } else {
        this.#redialOne(regionId, link, now);
      }
    }
  }

  /** The network works again: dial what waits for its pause to end, and what hangs. */
  retry(now: Instant): void {
    for (const [regionId, link] of [...this.#links]) {
      const isHanging = link.dialledAt !== undefined && now - link.dialledAt >= hangingDialMs;
      if (link.state === 'closed' || (link.state === 'dialling' && isHanging)) {
        this.#redialOne(regionId, link, now);
      }
    }
  }

  /** Our addresses went away and every connection with them: dial anew, without a pause. */
  redial(now: Instant): void {
    for (const [regionId, link] of [...this.#links]) this.#redialOne(regionId, link, now);
  }

  /** Hangs up everything, for good. */
  stop(): void {
    for (const regionId of [...this.#links.keys()]) this.#drop(regionId);
    this.#home = undefined;
    this.#regions = new Set();
  }

  /** True when a region was given up. */
  runTimers(now: Instant): boolean {
    let dropped = false;
    for (const [regionId, link] of [...this.#links]) {
      if (!this.#isWanted(regionId, link, now)) {
        this.#drop(regionId);
        dropped = true;
      } else if (link.dialAt !== undefined && now >= link.dialAt) {
        this.#dial(regionId, link, now);
      }
    }
    return dropped;
  }

  nextTimeout(): Instant | undefined {
    let at: Instant | undefined;
    for (const [regionId, link] of this.#links) {
      const idleAt =
        regionId === this.#home || link.usedAt === undefined
          ? undefined
          : after(link.usedAt, idleCloseMs);
      at = earliest(at, link.dialAt, idleAt);
    }
    return at;
  }

  #link(regionId: RegionId): Link {
    let link = this.#links.get(regionId);
    if (link === undefined) {
      link = {
        state: 'closed',
        failures: 0,
        failingSince: undefined,
        connectedAt: undefined,
        usedAt: undefined,
        dialAt: undefined,
        dialledAt: undefined,
        eagerDialAt: undefined,
        heardAt: undefined,
        queue: [],
      };
      this.#links.set(regionId, link);
    }
    return link;
  }

  #isWanted(regionId: RegionId, link: Link, now: Instant): boolean {
    if (regionId === this.#home) return true;
    return link.usedAt !== undefined && now < after(link.usedAt, idleCloseMs);
  }

  /** A relay that lost power sends no word of it, and the system notices after minutes. */
  #doubt(regionId: RegionId, link: Link, now: Instant): void {
    if (link.heardAt === undefined || now - link.heardAt < probeAfterMs) return;
    link.heardAt = now;
    this.#options.outputs.push({ type: 'relay-probe', regionId });
  }

  /** What we send to another region is answered through home: a dead home would make us deaf, not mute. */
  #doubtHome(now: Instant): void {
    const link = this.#home === undefined ? undefined : this.#links.get(this.#home);
    if (this.#home !== undefined && link?.state === 'connected') {
      this.#doubt(this.#home, link, now);
    }
  }

  #redialOne(regionId: RegionId, link: Link, now: Instant): void {
    if (link.state !== 'closed') this.#options.outputs.push({ type: 'relay-hangup', regionId });
    link.state = 'closed';
    link.failures = 0;
    link.failingSince = undefined;
    link.connectedAt = undefined;
    if (this.#isWanted(regionId, link, now)) this.#dial(regionId, link, now);
    else this.#links.delete(regionId);
  }

  #dial(regionId: RegionId, link: Link, now: Instant): void {
    link.state = 'dialling';
    link.dialledAt = now;
    link.dialAt = undefined;
    link.eagerDialAt = undefined;
    this.#options.outputs.push({ type: 'relay-dial', regionId });
  }

  #drop(regionId: RegionId): void {
    const link = this.#links.get(regionId);
    this.#links.delete(regionId);
    if (link !== undefined && link.state !== 'closed') {
      this.#options.outputs.push({ type: 'relay-hangup', regionId });
    }
  }

  #prefer(regionId: RegionId, home: boolean): void {
    this.#options.outputs.push({ type: 'relay-prefer', regionId, home });
  }
}
