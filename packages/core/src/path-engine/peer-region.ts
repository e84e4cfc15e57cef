/**
 * The relay region through which a peer is reached.
 *
 *     connected: its home, where it was last heard  -- else its home while that can be dialled
 *     else our own home, then a few other regions, each until its relay says that the peer isn't there
 *
 * When a relay dies its clients move to those that live, and control may be too dead to tell; and a peer may be
 * there before control said where.
 */
import type { Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import type { RelayLinks } from './relay-links.js';

/** Regions beside our home where a peer is looked for: each costs a connection. */
const othersMax = 3;
/** A peer that isn't there may come. */
const absentMs = 30_000;

export class PeerRegion {
  readonly #links: RelayLinks;
  /** The last region from which it sent. */
  #heardOn: RegionId | undefined;
  /** Regions whose relay said that it isn't there, and when. */
  readonly #absentFrom = new Map<RegionId, Instant>();

  constructor(links: RelayLinks) {
    this.#links = links;
  }

  /**
   * A frame of the peer came from a region: that is the way back while it is connected. The first such
   * region is kept, so that a peer that sends through two of them doesn't make us change with every frame.
   * True: the way may be another one now.
   */
  heard(regionId: RegionId): boolean {
    this.#absentFrom.delete(regionId);
    if (this.#heardOn !== undefined && this.#links.isConnected(this.#heardOn)) return false;
    this.#heardOn = regionId;
    return true;
  }

  /** The relay of `regionId` lost the peer, or never had it. */
  gone(regionId: RegionId, now: Instant): void {
    if (this.#heardOn === regionId) this.#heardOn = undefined;
    this.#absentFrom.set(regionId, now);
  }

  /** `home`: what the network map says; undefined: nothing. */
  choose(home: RegionId | undefined, now: Instant): RegionId | undefined {
    const links = this.#links;
    if (this.#heardOn !== undefined && !links.isConnected(this.#heardOn)) this.#heardOn = undefined;
    const known = [home, this.#heardOn].filter((id) => id !== undefined && links.has(id));
    const connected = known.find((id) => id !== undefined && links.isConnected(id));
    if (connected !== undefined) return connected;
    const [first] = known;
    if (first !== undefined && !links.isFailing(first)) return first;
    return this.#elsewhere(now) ?? first;
  }

  #elsewhere(now: Instant): RegionId | undefined {
    const { home } = this.#links;
    const others = [...this.#links.regions].filter((id) => id !== home).slice(0, othersMax);
    return [home, ...others].find((id) => {
      if (id === undefined || this.#links.isFailing(id)) return false;
      const absentAt = this.#absentFrom.get(id);
      return absentAt === undefined || now - absentAt >= absentMs;
    });
  }
}
