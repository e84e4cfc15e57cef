/**
 * Who is online: nodes with a session, and those whose last one ended less than 10 s ago. Mobile clients
 * replace their stream all the time; the grace keeps peers from hearing of it. Sessions are counted, so a
 * stream that ends after its successor began changes nothing.
 *
 * A server that starts holds those for online who were so when its predecessor ended (their records have no
 * end of a session), and gives them a minute to come back: a restart is no news of anybody.
 */
import { after, earliest, type Instant, instant, type WallTime } from '../../base/instant.js';
import type { ControlState, NodeId, NodeRecord } from './state.js';
import type { Presence } from './view.js';

/** Enough for a client to come back over another network. */
export const offlineGraceMs = 10_000;
/** Clients of a server that restarts come back within their back-off; what is away longer is away. */
export const returnGraceMs = 60_000;
/** Ephemeral nodes (containers, CI) are deleted after this time without a session. */
export const ephemeralIdleMs = 30 * 60_000;

interface Attendance {
  sessions: number;
  online: boolean;
  lastSeen: WallTime | undefined;
  /** When it went offline, or when this server first found it so. */
  awaySince: Instant | undefined;
}

export class PresenceTable implements Presence {
  readonly #nodes = new Map<NodeId, Attendance>();
  /** When the grace of a node ends; the grace is the same for all, so the first entry is the earliest. */
  readonly #leaving = new Map<NodeId, Instant>();
  /** When to look for abandoned ephemeral nodes; at once after a start. */
  #nextSweep: Instant | undefined = instant(0);
  /** Ephemeral nodes that this server began with, until the first look for abandoned ones. */
  #inherited: ReadonlySet<NodeId>;
  /** Who is held for online and has not come back yet. */
  readonly #awaited = new Set<NodeId>();
  /** Until when; undefined before the first look. */
  #awaitedUntil: Instant | undefined;
  #startedAt: WallTime | undefined;

  constructor(state?: ControlState) {
    const nodes = [...(state?.nodes.values() ?? [])];
    this.#inherited = new Set(nodes.filter(({ ephemeral }) => ephemeral).map(({ id }) => id));
    for (const { id, kind, lastSeen, discoKey } of nodes) {
      // One without a disco key has never been here at all.
      if (kind !== 'machine' || lastSeen !== undefined || discoKey === undefined) continue;
      this.#awaited.add(id);
      this.#nodes.set(id, { sessions: 0, online: true, lastSeen: undefined, awaySince: undefined });
    }
  }

  isOnline(node: NodeId): boolean {
    return this.#nodes.get(node)?.online === true;
  }

  lastSeen(node: NodeId): WallTime | undefined {
    return this.#nodes.get(node)?.lastSeen;
  }

  /** A session began; true when the node was offline until now. */
  arrived(node: NodeId): boolean {
    const known = this.#nodes.get(node);
    const sessions = (known?.sessions ?? 0) + 1;
    this.#leaving.delete(node);
    this.#awaited.delete(node);
    this.#nodes.set(node, { sessions, online: true, lastSeen: undefined, awaySince: undefined });
    return known?.online !== true;
  }

  /** A session ended. */
  left(node: NodeId, now: Instant, wall: WallTime): void {
    const known = this.#nodes.get(node);
    if (known === undefined) return;
    known.sessions--;
    if (known.sessions > 0) return;
    known.lastSeen = wall;
    this.#leaving.set(node, after(now, offlineGraceMs));
  }

  forget(node: NodeId): void {
    this.#nodes.delete(node);
    this.#leaving.delete(node);
    this.#awaited.delete(node);
  }

  /** Nodes whose grace ended; each is named once. */
  due(
    now: Instant,
    wall: WallTime,
  ): readonly { readonly node: NodeId; readonly lastSeen: WallTime }[] {
    const gone = this.#notReturned(now, wall);
    for (const [node, leavesAt] of this.#leaving) {
      if (leavesAt > now) break;
      this.#leaving.delete(node);
      const attendance = this.#nodes.get(node);
      if (attendance?.lastSeen === undefined) continue;
      attendance.online = false;
      attendance.awaySince = now;
      gone.push({ node, lastSeen: attendance.lastSeen });
    }
    if (gone.length > 0) this.#nextSweep = now;
    return gone;
  }

  /** Who did not come back after this server's start. They were last seen before it, which is all that is known. */
  #notReturned(now: Instant, wall: WallTime): { node: NodeId; lastSeen: WallTime }[] {
    this.#startedAt ??= wall;
    if (this.#awaited.size === 0) return [];
    this.#awaitedUntil ??= after(now, returnGraceMs);
    if (this.#awaitedUntil > now) return [];
    const lastSeen = this.#startedAt;
    const gone = [...this.#awaited].map((node) => ({ node, lastSeen }));
    this.#awaited.clear();
    for (const { node } of gone) {
      this.#nodes.set(node, { sessions: 0, online: false, lastSeen, awaySince: now });
    }
    return gone;
  }

  /**
   * Ephemeral nodes that were away for too long. One that registered and has not polled yet is not away:
   * under load that takes time. After a restart of the server the time starts again, for all that it finds (who
   * was online when it was killed has no end of its last session), and so it does for a node that was named here
   * and not deleted.
   */
  abandoned(state: ControlState, now: Instant): readonly NodeId[] {
    if (this.#nextSweep === undefined || this.#nextSweep > now) return [];
    this.#nextSweep = undefined;
    const abandoned: NodeId[] = [];
    for (const node of state.nodes.values()) {
      const since = node.ephemeral ? this.#awaySince(node, now) : undefined;
      if (since === undefined) continue;
      const deadline = after(since, ephemeralIdleMs);
      if (deadline > now) this.#nextSweep = earliest(this.#nextSweep, deadline);
      else abandoned.push(node.id);
    }
    this.#inherited = new Set();
    for (const node of abandoned) this.#nodes.delete(node);
    return abandoned;
  }

  nextTimeout(): Instant | undefined {
    const [leavesFirst] = this.#leaving.values();
    const awaitedUntil = this.#awaited.size === 0 ? undefined : this.#awaitedUntil;
    return earliest(this.#nextSweep, leavesFirst, awaitedUntil);
  }

  /** Since when an ephemeral node is away; undefined: it is here, or it never was. */
  #awaySince(node: NodeRecord, now: Instant): Instant | undefined {
    const known = this.#nodes.get(node.id);
    if (known !== undefined) return known.awaySince;
    if (node.lastSeen === undefined && !this.#inherited.has(node.id)) return undefined;
    this.#nodes.set(node.id, {
      sessions: 0,
      online: false,
      lastSeen: node.lastSeen,
      awaySince: now,
    });
    return now;
  }
}
