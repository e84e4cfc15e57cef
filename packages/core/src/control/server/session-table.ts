/** The streams now open, by node, and when each has to be looked at next. */
import { EventHeap } from '../../base/event-heap.js';
import type { Instant } from '../../base/instant.js';
import type { MapSession, SessionId } from './map-session.js';
import type { NodeId } from './state.js';

/** When a session is to be kept alive, or its frame must have been taken. */
export function dueAt({ writeDeadline, keepAliveAt }: MapSession): Instant {
  return writeDeadline ?? keepAliveAt;
}

export class SessionTable {
  readonly #sessions = new Map<SessionId, MapSession>();
  readonly #byNode = new Map<NodeId, Set<MapSession>>();
  readonly #alarms = new EventHeap();
  readonly #ringing: MapSession[] = [];

  get size(): number {
    return this.#sessions.size;
  }

  get(id: SessionId): MapSession | undefined {
    return this.#sessions.get(id);
  }

  add(session: MapSession): void {
    this.#sessions.set(session.id, session);
    const own = this.#byNode.get(session.node);
    if (own === undefined) this.#byNode.set(session.node, new Set([session]));
    else own.add(session);
  }

  remove(session: MapSession): void {
    this.#sessions.delete(session.id);
    const own = this.#byNode.get(session.node);
    own?.delete(session);
    if (own?.size === 0) this.#byNode.delete(session.node);
  }

  /** Streams of a node whose clients have a map to change. */
  *following(node: NodeId): Iterable<MapSession> {
    for (const session of this.#byNode.get(node) ?? []) if (!session.awaitsMap) yield session;
  }

  /** All streams whose clients have a map to change. */
  *allFollowing(): Iterable<MapSession> {
    for (const session of this.#sessions.values()) if (!session.awaitsMap) yield session;
  }

  /** When to look at {@link due}; undefined: never. */
  nextAt(): Instant | undefined {
    return this.#alarms.nextAt();
  }

  /** An alarm that stands is moved only to an earlier time; one that rings too early is set again. */
  setAlarm(session: MapSession): void {
    const at = dueAt(session);
    if (session.alarmAt !== undefined && session.alarmAt <= at) return;
    session.alarmAt = at;
    this.#alarms.plan(at, () => {
      if (session.alarmAt !== at) return;
      session.alarmAt = undefined;
      this.#ringing.push(session);
    });
  }

  /** Sessions whose time has come: to be kept alive, or given up. Each is named once. */
  due(now: Instant): readonly MapSession[] {
    for (
      let at = this.#alarms.nextAt();
      at !== undefined && at <= now;
      at = this.#alarms.nextAt()
    ) {
      this.#alarms.take().run();
    }
    return this.#ringing.splice(0).filter((session) => {
      if (this.#sessions.get(session.id) !== session) return false;
      if (dueAt(session) <= now) return true;
      this.setAlarm(session);
      return false;
    });
  }
}
