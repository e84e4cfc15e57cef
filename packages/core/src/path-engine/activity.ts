/**
 * What the PacketEngine tells of each peer's traffic, for status; and when to ask it for its counters.
 */
import { after, type Instant } from '../base/instant.js';
import type { PeerCounters } from '../engines/messages.js';
import type { NodeKey } from '../keys/keys.js';
import { sessionMs } from '../paths/peer-path.js';

/** Between two requests for counters while anybody is active: fresh enough for people who look. */
export const countersEveryMs = 5000;

interface PeerActivity {
  sentAt: Instant | undefined;
  lastHandshakeAt: Instant | undefined;
  rxBytes: number;
  txBytes: number;
}

export interface ActivityStatus {
  readonly active: boolean;
  /** When something was last sent to it. */
  readonly lastSentAt: Instant | undefined;
  readonly lastHandshakeAt: Instant | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
}

const silent: ActivityStatus = {
  active: false,
  lastSentAt: undefined,
  lastHandshakeAt: undefined,
  rxBytes: 0,
  txBytes: 0,
};

export class Activity {
  readonly #peers = new Map<NodeKey, PeerActivity>();
  #totals: Readonly<Record<string, number>> = {};
  #lastSentAt: Instant | undefined;
  #askAt: Instant | undefined;

  /** The PacketEngine's latest totals of what it dropped. */
  get totals(): Readonly<Record<string, number>> {
    return this.#totals;
  }

  /** Only known peers are kept: the table is as large as the network map. */
  add(peer: NodeKey): void {
    this.#peers.set(peer, {
      sentAt: undefined,
      lastHandshakeAt: undefined,
      rxBytes: 0,
      txBytes: 0,
    });
  }

  remove(peer: NodeKey): void {
    this.#peers.delete(peer);
  }

  sent(peer: NodeKey, now: Instant): void {
    const activity = this.#peers.get(peer);
    if (activity === undefined) return;
    activity.sentAt = now;
    this.#lastSentAt = now;
    this.#askAt ??= after(now, countersEveryMs);
  }

  handshake(peer: NodeKey, at: Instant): void {
    const activity = this.#peers.get(peer);
    if (activity !== undefined) activity.lastHandshakeAt = at;
  }

  counters(peers: readonly PeerCounters[], totals: Readonly<Record<string, number>>): void {
    this.#totals = totals;
    for (const { peer, rxBytes, txBytes, lastHandshakeAt } of peers) {
      const activity = this.#peers.get(peer);
      if (activity === undefined) continue;
      activity.rxBytes = rxBytes;
      activity.txBytes = txBytes;
      activity.lastHandshakeAt = lastHandshakeAt ?? activity.lastHandshakeAt;
    }
  }

  status(peer: NodeKey, now: Instant): ActivityStatus {
    const activity = this.#peers.get(peer);
    if (activity === undefined) return silent;
    const { sentAt, lastHandshakeAt, rxBytes, txBytes } = activity;
    const active = sentAt !== undefined && now - sentAt < sessionMs;
    return { active, lastSentAt: sentAt, lastHandshakeAt, rxBytes, txBytes };
  }

  /** True when counters are to be asked for now; asks go on while somebody was active lately. */
  takeAsk(now: Instant): boolean {
    if (this.#askAt === undefined || now < this.#askAt) return false;
    const busy = this.#lastSentAt !== undefined && now - this.#lastSentAt < sessionMs;
    this.#askAt = busy ? after(now, countersEveryMs) : undefined;
    return true;
  }

  nextTimeout(): Instant | undefined {
    return this.#askAt;
  }
}
