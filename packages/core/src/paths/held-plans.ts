/**
 * Plans of peers that came when there was no room for an attempt of their kind, in the order in which they came.
 *
 *     no room --> held --room within answerableMs--> answered, as if it came now
 *                      --room within wantedMs------> late: its asker has given up, so we ask
 *                      --else----------------------> expired
 *
 * Without this, several searches that cross take turns by their pauses, which are longer than an attempt.
 */
import type { Counters } from '../base/counters.js';
import { after, type Instant } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';
import type { Ports } from './ports.js';

/** A peer has one; beyond so many the last would wait longer than it is worth. */
export const heldPlansMax = 8;
/** The asker waits 2.5 s for our answer, of which the relays on both ways take their part. */
export const answerableMs = 2000;
/** Two attempts in vain before it; by then the asker has begun anew. */
export const wantedMs = 8000;

/** What the peer asked with. */
export interface AskedPlan {
  readonly id: string;
  readonly theirs: Ports;
}

export interface HeldPlan {
  readonly peer: NodeKey;
  /** Undefined: nobody waits for an answer to it any more. */
  readonly plan: AskedPlan | undefined;
}

interface Entry {
  readonly plan: AskedPlan;
  readonly at: Instant;
}

export class HeldPlans {
  readonly #counters: Counters;
  /** Oldest first. */
  readonly #held = new Map<NodeKey, Entry>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** A peer's newer plan takes the place of its older one. False: too many wait. */
  hold(peer: NodeKey, plan: AskedPlan, now: Instant): boolean {
    this.#expire(now);
    if (!this.#held.has(peer) && this.#held.size >= heldPlansMax) return false;
    this.#held.set(peer, { plan, at: now });
    this.#counters.add('port-plan-held');
    return true;
  }

  /** The oldest for which there is room, and which is held no more then. */
  take(hasRoom: (peer: NodeKey) => boolean, now: Instant): HeldPlan | undefined {
    this.#expire(now);
    for (const [peer, { plan, at }] of this.#held) {
      if (!hasRoom(peer)) continue;
      this.#held.delete(peer);
      const isLate = now >= after(at, answerableMs);
      if (isLate) this.#counters.add('port-plan-held-late');
      return { peer, plan: isLate ? undefined : plan };
    }
    return undefined;
  }

  /** It is served otherwise, or is gone. */
  forget(peer: NodeKey): void {
    this.#held.delete(peer);
  }

  clear(): void {
    this.#held.clear();
  }

  /** In the past when there is room for one. */
  nextTimeout(hasRoom: (peer: NodeKey) => boolean): Instant | undefined {
    for (const [peer, { at }] of this.#held) if (hasRoom(peer)) return at;
    return undefined;
  }

  #expire(now: Instant): void {
    for (const [peer, { at }] of this.#held) {
      if (now < after(at, wantedMs)) continue;
      this.#held.delete(peer);
      this.#counters.add('port-plan-held-expired');
    }
  }
}
