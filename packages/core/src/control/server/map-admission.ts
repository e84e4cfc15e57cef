/**
 * The order in which new streams get their full maps. After a restart of the server everybody comes at once; maps
 * are made and sent no faster than the processor and the clients' lines bear, and changes of the network reach
 * those that have theirs meanwhile. Clients that resume (netmap/map-tags.ts) need no full map and don't wait.
 */
import { after, type Instant, instant } from '../../base/instant.js';
import type { MapSession } from './map-session.js';

/** One core writes out several hundred thousand peers a second; the rest of its time is for those who are in. */
const peersPerSecond = 100_000;
/** What a map costs besides its peers: the node's own part, relays, rules, a frame, a write. */
const peersPerMap = 20;
/** How far ahead of its rate it may be: small networks never wait. */
const burstMs = 1_000;
/** Waiting clients hear that their server lives more often than they give up (30 s for ours). */
export const waitingKeepAliveMs = 5_000;

export class MapAdmission {
  #waiting: MapSession[] = [];
  /** When the maps given so far are paid for. */
  #paidAt: Instant = instant(0);

  /** Streams without their map. */
  get size(): number {
    return this.#waiting.length;
  }

  enqueue(session: MapSession): void {
    this.#waiting.push(session);
  }

  /** One whose stream ended. */
  forget(session: MapSession): void {
    if (!session.awaitsMap) return;
    this.#waiting = this.#waiting.filter((other) => other !== session);
  }

  /** The next to get its map now; undefined: nobody, or not yet. One whose stream is busy is passed over. */
  next(now: Instant): MapSession | undefined {
    if (!this.#isPaid(now)) return undefined;
    const at = this.#waiting.findIndex(({ writeDeadline }) => writeDeadline === undefined);
    return at === -1 ? undefined : this.#waiting.splice(at, 1)[0];
  }

  /** A map of so many peers was given, in whichever way. */
  charge(peers: number, now: Instant): void {
    const costMs = ((peers + peersPerMap) * 1000) / peersPerSecond;
    this.#paidAt = after(instant(Math.max(this.#paidAt, now)), costMs);
  }

  /** Undefined: nobody waits for anything but their own streams. */
  nextTimeout(): Instant | undefined {
    const isReady = this.#waiting.some(({ writeDeadline }) => writeDeadline === undefined);
    return isReady ? instant(Math.max(0, this.#paidAt - burstMs)) : undefined;
  }

  #isPaid(now: Instant): boolean {
    return this.#paidAt - burstMs <= now;
  }
}
