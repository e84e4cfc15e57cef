/**
 * The relay region through which a peer is reached.
 *
 *     connected: its home, where it was last heard  -- else its home while that can be dialled
 *     else our own home, then a few other regions, each until its relay says that the peer isn't there
 *     else, while it is nowhere, our own home again
 *
 * When a relay dies its clients move to those that live, and control may be too dead to tell; and a peer may be
 * there before control said where. Who asks nobody for a peer that is nowhere would never find out that it came,
 * nor that relay and control went dead meanwhile: only packets that nothing answers tell.
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
    const elsewhere = this.#elsewhere();
    return elsewhere.find((id) => !this.#isAbsentFrom(id, now)) ?? first ?? elsewhere[0];
  }

  /** Where a peer is looked for whose own home is of no use. */
  #elsewhere(): readonly RegionId[] {
    const { home, regions } = this.#links;
    const others = [...regions].filter((id) => id !== home).slice(0, othersMax);
    const all = home === undefined ? others : [home, ...others];
    return all.filter((id) => !this.#links.isFailing(id));
  }

  #isAbsentFrom(regionId: RegionId, now: Instant): boolean {
    const absentAt = this.#absentFrom.get(regionId);
    return absentAt !== undefined && now - absentAt < absentMs;
  }
}
