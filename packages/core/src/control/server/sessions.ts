/**
 * All map streams of a server: who gets which frame when.
 *
 *     open --full map at once--> idle --something changed--> dirty --within 50 ms--> delta --> idle
 *       idle --50 to 59 s of silence--> keep-alive --> idle
 *       frame not taken within 30 s, node gone, node key replaced --> close
 *
 * A session remembers the view that it last sent; a delta is the difference to the present one, so changes
 * that come while a frame is still on its way merge by themselves, and nothing queues: one frame per session
 * is under way at most. A node is online while it has a session, and for 10 s after.
 *
 * Source: the map protocol of the Tailscale family; what to send when follows from netmap/diff.ts.
 */
import { assert } from '../../base/assert.js';
import { Counters } from '../../base/counters.js';
import { after, earliest, type Instant, type WallTime, wallTime } from '../../base/instant.js';
import { formatRfc3339 } from '../../base/rfc3339.js';
import type { NodeKey } from '../../keys/keys.js';
import { diffViews, fullMapResponse, type MapView } from '../../netmap/diff.js';
import type { WireMapResponse, WireRelayMap } from '../../netmap/wire.js';
import { encodeMapResponse } from '../../netmap/wire-json.js';
import type { Random } from '../../ports.js';
import { encodeMapFrame, KEEP_ALIVE_JSON, type MapCompression } from '../map-framing.js';
import type { DnsSettings } from './dns-config.js';
import { PresenceTable } from './presence.js';
import type { ControlState, NodeId, TailnetId } from './state.js';
import {
  type PacketFilters,
  type TailnetSnapshot,
  ViewBuilder,
  type ViewSettings,
} from './view.js';

/** How long changes gather before they are sent: a burst of one join fits in, people don't notice. */
export const coalesceMs = 50;
/** Clients give up after 120 s of silence, proxies after 60 s; jitter keeps the streams from beating as one. */
export const keepAliveMinMs = 50_000;
export const keepAliveJitterMs = 9_000;
/** A client that can't take one frame in this time comes back and gets a full map instead. */
export const slowClientMs = 30_000;
/** Streams of one server: one per node, and the old ones of phones that just changed their network. */
export const sessionsMax = 40_000;

export type SessionId = number;

export type MapSessionsInput =
  /** A map request of a node whose machine key was checked. */
  | {
      readonly type: 'open';
      readonly session: SessionId;
      readonly nodeKey: NodeKey;
      readonly compression: MapCompression;
    }
  | { readonly type: 'closed'; readonly session: SessionId }
  /** The stream took the last frame. */
  | { readonly type: 'drained'; readonly session: SessionId }
  | { readonly type: 'state'; readonly state: ControlState }
  /** All tailnets' filter rules, in place of those before. */
  | { readonly type: 'packet-filters'; readonly packetFilters: PacketFilters }
  | { readonly type: 'relay-map'; readonly relayMap: WireRelayMap }
  /** Other names and resolvers for every node. */
  | { readonly type: 'dns'; readonly dns: DnsSettings }
  | { readonly type: 'timeout' };

export type MapSessionsOutput =
  /** Answered by `drained`; one write is under way at a time. */
  | { readonly type: 'write'; readonly session: SessionId; readonly bytes: Uint8Array }
  /** End the stream; no `closed` needs to follow. */
  | {
      readonly type: 'close';
      readonly session: SessionId;
      readonly reason: 'unknown-node' | 'key-replaced' | 'slow-client' | 'sessions-over-limit';
    }
  /** The node has been away for the grace time: keep `lastSeen`. */
  | { readonly type: 'offline'; readonly node: NodeId; readonly lastSeen: WallTime }
  /** An ephemeral node has been away for too long: delete it. */
  | { readonly type: 'abandoned'; readonly node: NodeId };

interface Session {
  readonly id: SessionId;
  readonly node: NodeId;
  readonly nodeKey: NodeKey;
  readonly tailnet: TailnetId;
  readonly compression: MapCompression;
  sent: MapView;
  /** Set while a frame is under way. */
  writeDeadline: Instant | undefined;
  keepAliveAt: Instant;
  dirty: boolean;
}

export class MapSessions {
  readonly #random: Random;
  readonly #views: ViewBuilder;
  readonly #presence: PresenceTable;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #outputs: MapSessionsOutput[] = [];
  readonly counters = new Counters();
  #state: ControlState;
  #packetFilters: PacketFilters;
  #flushAt: Instant | undefined;
  /** Wall time minus instant, as of the last input. */
  #wallOffset = 0;
  /** When the next node key expires, by wall time. */
  #nextExpiry: WallTime | undefined;

  constructor(state: ControlState, settings: ViewSettings, random: Random) {
    this.#state = state;
    this.#random = random;
    this.#views = new ViewBuilder(settings);
    this.#packetFilters = settings.packetFilters ?? new Map();
    this.#presence = new PresenceTable(state);
  }

  /** Streams now open. */
  get size(): number {
    return this.#sessions.size;
  }

  isOnline(node: NodeId): boolean {
    return this.#presence.isOnline(node);
  }

  /** One answer outside a stream: the full map of a node, framed. Undefined: no such node. */
  single(nodeKey: NodeKey, compression: MapCompression, wall: WallTime): Uint8Array | undefined {
    const id = this.#state.nodeIdByKey.get(nodeKey);
    const node = id === undefined ? undefined : this.#state.nodes.get(id);
    if (node === undefined) return undefined;
    const snapshot = this.#views.snapshot(this.#state, node.tailnet, this.#presence, wall);
    const view = this.#views.view(this.#state, node, snapshot, wall);
    return encodeMapFrame(encodeMapResponse(fullMapResponse(view)), compression);
  }

  /** Takes one input; `wall` is the wall time of `now`. */
  handle(input: MapSessionsInput, now: Instant, wall: WallTime): void {
    this.#wallOffset = wall - now;
    switch (input.type) {
      case 'open':
        this.#open(input, now, wall);
        break;
      case 'closed':
        this.#forget(input.session, now, wall);
        break;
      case 'drained':
        this.#drained(input.session, now);
        break;
      case 'state':
        this.#takeState(input.state, now);
        break;
      case 'packet-filters':
        this.#takePacketFilters(input.packetFilters, now);
        break;
      case 'relay-map':
        this.#views.setRelayMap(input.relayMap);
        for (const session of this.#sessions.values()) session.dirty = true;
        this.#flushSoon(now);
        break;
      case 'dns':
        this.#views.setDns(input.dns);
        for (const session of this.#sessions.values()) session.dirty = true;
        this.#flushSoon(now);
        break;
      case 'timeout':
        break;
    }
    this.#advance(now, wall);
  }

  poll(): MapSessionsOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    let next = earliest(this.#flushAt, this.#presence.nextTimeout(), this.#expiryInstant());
    for (const session of this.#sessions.values()) {
      next = earliest(next, session.writeDeadline ?? session.keepAliveAt);
    }
    return next;
  }

  #expiryInstant(): Instant | undefined {
    if (this.#nextExpiry === undefined || this.#sessions.size === 0) return undefined;
    return (this.#nextExpiry - this.#wallOffset) as Instant;
  }

  #open(input: Extract<MapSessionsInput, { type: 'open' }>, now: Instant, wall: WallTime): void {
    assert(!this.#sessions.has(input.session), 'session ids are not used twice');
    const id = this.#state.nodeIdByKey.get(input.nodeKey);
    const node = id === undefined ? undefined : this.#state.nodes.get(id);
    if (node === undefined || this.#sessions.size >= sessionsMax) {
      this.#refuse(input.session, node === undefined ? 'unknown-node' : 'sessions-over-limit');
      return;
    }
    if (this.#presence.arrived(node.id)) this.#markDirty(node.tailnet, now);
    const snapshot = this.#views.snapshot(this.#state, node.tailnet, this.#presence, wall);
    const view = this.#views.view(this.#state, node, snapshot, wall);
    const session: Session = {
      id: input.session,
      node: node.id,
      nodeKey: input.nodeKey,
      tailnet: node.tailnet,
      compression: input.compression,
      sent: view,
      writeDeadline: undefined,
      keepAliveAt: now,
      dirty: false,
    };
    this.#sessions.set(session.id, session);
    this.#nextExpiry = this.#findNextExpiry(wall);
    this.counters.add('map-full');
    this.#write(session, { ...fullMapResponse(view), ControlTime: formatRfc3339(wall) }, now);
  }

  #refuse(
    session: SessionId,
    reason: Extract<MapSessionsOutput, { type: 'close' }>['reason'],
  ): void {
    this.counters.add(`map-session-${reason}`);
    this.#outputs.push({ type: 'close', session, reason });
  }

  /** The stream ended, from whichever side. */
  #forget(id: SessionId, now: Instant, wall: WallTime): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#presence.left(session.node, now, wall);
  }

  #drained(id: SessionId, now: Instant): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.writeDeadline = undefined;
    if (session.dirty) this.#flushSoon(now);
  }

  #takeState(state: ControlState, now: Instant): void {
    if (state === this.#state) return;
    const changed = changedTailnets(this.#state, state);
    for (const id of this.#state.nodes.keys()) {
      if (state.nodes.has(id)) continue;
      this.#views.forget(id);
      this.#presence.forget(id);
    }
    this.#state = state;
    for (const tailnet of changed) this.#markDirty(tailnet, now);
  }

  #takePacketFilters(next: PacketFilters, now: Instant): void {
    const old = this.#packetFilters;
    this.#packetFilters = next;
    this.#views.setPacketFilters(next);
    for (const tailnet of new Set([...old.keys(), ...next.keys()])) {
      if (old.get(tailnet) !== next.get(tailnet)) this.#markDirty(tailnet, now);
    }
  }

  #markDirty(tailnet: TailnetId, now: Instant): void {
    for (const session of this.#sessions.values()) {
      if (session.tailnet === tailnet) session.dirty = true;
    }
    this.#flushSoon(now);
  }

  #flushSoon(now: Instant): void {
    this.#flushAt = earliest(this.#flushAt, after(now, coalesceMs));
  }

  /** Everything that is due by now. */
  #advance(now: Instant, wall: WallTime): void {
    for (const gone of this.#presence.due(now)) {
      const node = this.#state.nodes.get(gone.node);
      if (node === undefined) continue;
      this.#outputs.push({ type: 'offline', node: gone.node, lastSeen: gone.lastSeen });
      this.#markDirty(node.tailnet, now);
    }
    for (const node of this.#presence.abandoned(this.#state, now)) {
      this.#outputs.push({ type: 'abandoned', node });
    }
    if (this.#nextExpiry !== undefined && this.#nextExpiry <= wall) {
      for (const session of this.#sessions.values()) session.dirty = true;
      this.#flushAt = now;
    }
    if (this.#flushAt !== undefined && this.#flushAt <= now) this.#flush(now, wall);
    this.#keepAlive(now, wall);
  }

  #flush(now: Instant, wall: WallTime): void {
    this.#flushAt = undefined;
    this.#nextExpiry = this.#findNextExpiry(wall);
    const snapshots = new Map<TailnetId, TailnetSnapshot>();
    for (const session of [...this.#sessions.values()]) {
      if (!session.dirty) continue;
      const node = this.#state.nodes.get(session.node);
      if (node?.nodeKey !== session.nodeKey) {
        this.#close(session, node === undefined ? 'unknown-node' : 'key-replaced', now, wall);
        continue;
      }
      if (session.writeDeadline !== undefined) continue; // `drained` brings it back
      let snapshot = snapshots.get(session.tailnet);
      if (snapshot === undefined) {
        snapshot = this.#views.snapshot(this.#state, session.tailnet, this.#presence, wall);
        snapshots.set(session.tailnet, snapshot);
      }
      session.dirty = false;
      const view = this.#views.view(this.#state, node, snapshot, wall);
      const delta = diffViews(session.sent, view);
      session.sent = view;
      this.counters.add(delta === undefined ? 'map-delta-empty' : 'map-delta');
      if (delta !== undefined) this.#write(session, delta, now);
    }
  }

  #keepAlive(now: Instant, wall: WallTime): void {
    for (const session of [...this.#sessions.values()]) {
      if (session.writeDeadline !== undefined) {
        if (session.writeDeadline <= now) this.#close(session, 'slow-client', now, wall);
      } else if (session.keepAliveAt <= now) {
        this.counters.add('map-keep-alive');
        this.#push(session, encodeMapFrame(KEEP_ALIVE_JSON, session.compression), now);
      }
    }
  }

  #write(session: Session, response: WireMapResponse, now: Instant): void {
    this.#push(session, encodeMapFrame(encodeMapResponse(response), session.compression), now);
  }

  #push(session: Session, bytes: Uint8Array, now: Instant): void {
    session.writeDeadline = after(now, slowClientMs);
    session.keepAliveAt = after(now, keepAliveMinMs + this.#jitter() * keepAliveJitterMs);
    this.#outputs.push({ type: 'write', session: session.id, bytes });
  }

  #close(
    session: Session,
    reason: Extract<MapSessionsOutput, { type: 'close' }>['reason'],
    now: Instant,
    wall: WallTime,
  ): void {
    this.#forget(session.id, now, wall);
    this.#refuse(session.id, reason);
  }

  /** At least 0, below 1. */
  #jitter(): number {
    return (this.#random.fill(new Uint8Array(1))[0] ?? 0) / 256;
  }

  #findNextExpiry(wall: WallTime): WallTime | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const node of this.#state.nodes.values()) {
      if (node.keyExpiry !== undefined && node.keyExpiry > wall) {
        next = Math.min(next, node.keyExpiry);
      }
    }
    return Number.isFinite(next) ? wallTime(next) : undefined;
  }
}

/** Tailnets whose nodes or users differ between two states. */
function changedTailnets(old: ControlState, next: ControlState): ReadonlySet<TailnetId> {
  const changed = new Set<TailnetId>();
  for (const node of next.nodes.values()) {
    if (old.nodes.get(node.id) !== node) changed.add(node.tailnet);
  }
  for (const node of old.nodes.values()) if (!next.nodes.has(node.id)) changed.add(node.tailnet);
  for (const user of next.users.values()) {
    if (old.users.get(user.id) !== user) changed.add(user.tailnet);
  }
  return changed;
}
