/**
 * All map streams of a server: who gets which frame when.
 *
 *     open --full map, in turn (map-admission.ts)--> idle; a client that resumes: what differs, at once--> idle
 *     idle --something changed--> dirty --within 50 ms--> delta --> idle
 *       idle --50 to 59 s of silence--> keep-alive --> idle
 *       frame not taken within 30 s, node gone, node key replaced --> close
 *
 * What changed is worked out by published-network.ts, what a session has to say of it by map-session.ts.
 * Nothing queues: one frame per session is under way at most. A node is online while it has a session, and for
 * 10 s after.
 *
 * Source: the map protocol of the Tailscale family; what to send when follows from netmap/diff.ts.
 */
import { assert } from '../../base/assert.js';
import { Counters } from '../../base/counters.js';
import {
  after,
  earliest,
  type Instant,
  instant,
  type WallTime,
  wallTime,
} from '../../base/instant.js';
import { formatRfc3339 } from '../../base/rfc3339.js';
import type { MachineKey, NodeKey } from '../../keys/keys.js';
import { fullMapResponse, type ViewHead } from '../../netmap/diff.js';
import type { MapTags } from '../../netmap/map-tags.js';
import type { WireMapResponse, WireNode, WireRelayMap } from '../../netmap/wire.js';
import { encodeMapResponse } from '../../netmap/wire-json.js';
import type { SshRule } from '../../policy/policy.js';
import type { Random } from '../../ports.js';
import { encodeMapFrame, type MapCompression } from '../map-framing.js';
import type { DnsSettings } from './dns-config.js';
import { MapAdmission, waitingKeepAliveMs } from './map-admission.js';
import { MapFrames } from './map-frames.js';
import { canResume, resumedResponse } from './map-resume.js';
import { type MapSession, type SessionId, takeDelta } from './map-session.js';
import { PartTags } from './part-tags.js';
import { PresenceTable } from './presence.js';
import { type PublicationListener, PublishedNetwork } from './published-network.js';
import type { Policies } from './rights.js';
import type { NodeRoutes } from './route-book.js';
import { RouteProbes } from './route-probes.js';
import { SessionTable } from './session-table.js';
import { type ControlState, changedNodes, type NodeId } from './state.js';
import type { ViewSettings } from './view.js';

/** How long changes gather before they are sent: a burst of one join fits in, people don't notice. */
export const coalesceMs = 50;
/** Clients give up after 120 s of silence, proxies after 60 s; jitter keeps the streams from beating as one. */
export const keepAliveMinMs = 50_000;
export const keepAliveJitterMs = 9_000;
/** A client that can't take one frame in this time comes back and gets a full map instead. */
export const slowClientMs = 30_000;
/** Streams of one server: one per node, and the old ones of phones that just changed their network. */
export const sessionsMax = 40_000;

/** Where nodes are sent, with a token behind it. */
export const pingPath = '/machine/ping-response?id=';

export type MapSessionsInput =
  /** A map request of a node whose machine key was checked. */
  | {
      readonly type: 'open';
      readonly session: SessionId;
      readonly nodeKey: NodeKey;
      readonly compression: MapCompression;
      /** What the client says it holds (netmap/map-tags.ts); undefined: it doesn't know of tags. */
      readonly held?: MapTags | undefined;
    }
  | { readonly type: 'closed'; readonly session: SessionId }
  /** The stream took the last frame. */
  | { readonly type: 'drained'; readonly session: SessionId }
  | { readonly type: 'state'; readonly state: ControlState }
  /** All tailnets' policies, in place of those before. */
  | { readonly type: 'policies'; readonly policies: Policies }
  | { readonly type: 'relay-map'; readonly relayMap: WireRelayMap }
  /** Other names and resolvers for every node. */
  | { readonly type: 'dns'; readonly dns: DnsSettings }
  /** A machine fetched what one of its nodes was asked to ({@link MapSessions.isAsked}). */
  | { readonly type: 'ping-answered'; readonly token: string }
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
  /** The node is there: its record says otherwise, and should not. */
  | { readonly type: 'online'; readonly node: NodeId }
  /** The node has been away for the grace time: keep `lastSeen`. */
  | { readonly type: 'offline'; readonly node: NodeId; readonly lastSeen: WallTime }
  /** An ephemeral node has been away for too long: delete it. */
  | { readonly type: 'abandoned'; readonly node: NodeId };

export class MapSessions {
  readonly #random: Random;
  readonly #network: PublishedNetwork;
  readonly #presence: PresenceTable;
  readonly #probes: RouteProbes;
  readonly #tags: PartTags;
  readonly #admission = new MapAdmission();
  readonly #serverUrl: string | undefined;
  readonly #sessions = new SessionTable();
  readonly #outputs: MapSessionsOutput[] = [];
  readonly #frames: MapFrames;
  /** What has something to say. */
  readonly #dirty = new Set<MapSession>();
  readonly #listener: PublicationListener;
  readonly counters = new Counters();
  #flushAt: Instant | undefined;
  /** Wall time minus instant, as of the last input. */
  #wallOffset = 0;
  /** Of the last input. */
  #now: Instant = instant(0);

  constructor(state: ControlState, settings: ViewSettings, random: Random) {
    this.#random = random;
    this.#network = new PublishedNetwork(state, settings);
    this.#presence = new PresenceTable(state);
    this.#probes = new RouteProbes(random);
    this.#tags = new PartTags(settings.crypto);
    this.#frames = new MapFrames(this.#network, this.#tags);
    this.#serverUrl = settings.serverUrl;
    this.#listener = {
      onPeer: (viewer, peer, before) => {
        for (const session of this.#sessions.following(viewer)) {
          if (!session.pending.has(peer)) session.pending.set(peer, before);
          this.#dirty.add(session);
        }
      },
      onHead: (viewer) => {
        for (const session of this.#sessions.following(viewer)) this.#dirty.add(session);
      },
      onUser: (viewer, user) => {
        for (const session of this.#sessions.following(viewer)) {
          session.pendingUsers.add(user);
          this.#dirty.add(session);
        }
      },
      onViewerDone: (viewer) => {
        const wall = wallTime(this.#now + this.#wallOffset);
        for (const session of this.#sessions.following(viewer)) {
          this.#bringUpToDate(session, this.#now, wall);
        }
      },
    };
  }

  /** Streams now open. */
  get size(): number {
    return this.#sessions.size;
  }

  isOnline(node: NodeId): boolean {
    return this.#presence.isOnline(node);
  }

  /** As peers were last told. */
  routesOf(node: NodeId): NodeRoutes {
    return this.#network.routesOf(node);
  }

  /** True when a node of this machine was asked to fetch the token. */
  isAsked(token: string, machineKey: MachineKey): boolean {
    const node = this.#probes.nodeOf(token);
    return node !== undefined && this.#network.state.nodes.get(node)?.machineKey === machineKey;
  }

  /** What a node sees now; it need not have a stream. */
  peersOf(id: NodeId, wall: WallTime): ReadonlyMap<NodeId, WireNode> {
    this.#publishNow(wall);
    return this.#network.peers(id);
  }

  /** The rule of SSH between two nodes now; undefined: there is none. */
  sshRule(source: NodeId, target: NodeId, localUser: string, wall: WallTime): SshRule | undefined {
    this.#publishNow(wall);
    return this.#network.sshRule(source, target, localUser);
  }

  #publishNow(wall: WallTime): void {
    this.#network.publish(this.#presence, wall, this.#listener);
    // It may have been the first to notice that a key expired.
    if (this.#dirty.size > 0) this.#flushSoon(this.#now);
  }

  /** One answer outside a stream: the full map of a node, framed. Undefined: no such node. */
  single(nodeKey: NodeKey, compression: MapCompression, wall: WallTime): Uint8Array | undefined {
    const id = this.#network.state.nodeIdByKey.get(nodeKey);
    if (id === undefined) return undefined;
    this.#publishNow(wall);
    const head = this.#network.head(id, wall);
    return head && encodeMapFrame(encodeMapResponse(this.#fullMap(id, head)), compression);
  }

  /** Takes one input; `wall` is the wall time of `now`. */
  handle(input: MapSessionsInput, now: Instant, wall: WallTime): void {
    this.#wallOffset = wall - now;
    this.#now = now;
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
      case 'policies':
        this.#network.setPolicies(input.policies);
        if (this.#network.isBehind) this.#flushSoon(now);
        break;
      case 'relay-map':
        this.#network.setRelayMap(input.relayMap);
        this.#allDirty(now);
        break;
      case 'dns':
        this.#network.setDns(input.dns);
        this.#allDirty(now);
        break;
      case 'ping-answered':
        this.#probes.answered(input.token);
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
    return earliest(
      this.#flushAt,
      this.#presence.nextTimeout(),
      this.#expiryInstant(),
      this.#sessions.nextAt(),
      this.#probes.nextTimeout(),
      this.#admission.nextTimeout(),
    );
  }

  #expiryInstant(): Instant | undefined {
    const { nextExpiry } = this.#network;
    if (nextExpiry === undefined || this.#sessions.size === 0) return undefined;
    return (nextExpiry - this.#wallOffset) as Instant;
  }

  #open(input: Extract<MapSessionsInput, { type: 'open' }>, now: Instant, wall: WallTime): void {
    assert(this.#sessions.get(input.session) === undefined, 'session ids are not used twice');
    const node = this.#network.state.nodeIdByKey.get(input.nodeKey);
    if (node === undefined || this.#sessions.size >= sessionsMax) {
      this.#refuse(input.session, node === undefined ? 'unknown-node' : 'sessions-over-limit');
      return;
    }
    if (this.#presence.arrived(node)) this.#touch(node, now);
    if (this.#network.state.nodes.get(node)?.lastSeen !== undefined) {
      this.#outputs.push({ type: 'online', node });
    }
    this.#probes.streamBegan(node);
    // The full map is of now: what was still to be published must not come as a delta after it.
    this.#network.publish(this.#presence, wall, this.#listener);
    const head = this.#network.head(node, wall);
    assert(head !== undefined, 'a node with a key is there');
    const session: MapSession = {
      id: input.session,
      node,
      nodeKey: input.nodeKey,
      compression: input.compression,
      isTagged: input.held !== undefined,
      awaitsMap: !canResume(input.held),
      head,
      pending: new Map(),
      pendingUsers: new Set(),
      pendingPing: undefined,
      writeDeadline: undefined,
      keepAliveAt: now,
      alarmAt: undefined,
    };
    this.#sessions.add(session);
    if (this.#dirty.size > 0) this.#flushSoon(now);
    if (canResume(input.held)) this.#resume(session, input.held, now, wall);
    else this.#wait(session, now);
  }

  /** Its full map comes in turn, most times at once: then nothing is written here. */
  #wait(session: MapSession, now: Instant): void {
    session.keepAliveAt = after(now, waitingKeepAliveMs);
    this.#sessions.setAlarm(session);
    this.#admission.enqueue(session);
  }

  #resume(session: MapSession, held: MapTags, now: Instant, wall: WallTime): void {
    this.counters.add('map-resumed');
    const changes = resumedResponse(session.node, held, session.head, this.#network, this.#tags);
    this.#admission.charge(changes.PeersChanged?.length ?? 0, now);
    const message = { ...changes, ControlTime: formatRfc3339(wall) };
    this.#push(session, this.#frames.single(session, message), now);
  }

  /** Gives full maps to those whose turn it is. */
  #admit(now: Instant, wall: WallTime): void {
    let session = this.#admission.next(now);
    // A full map is of now: what was still to be published must not come as a delta after it.
    if (session !== undefined) this.#network.publish(this.#presence, wall, this.#listener);
    for (; session !== undefined; session = this.#admission.next(now)) {
      const node = this.#network.state.nodes.get(session.node);
      const head = node && this.#network.head(node.id, wall);
      if (head === undefined || node?.nodeKey !== session.nodeKey) {
        this.#close(session, node === undefined ? 'unknown-node' : 'key-replaced', now, wall);
        continue;
      }
      this.counters.add('map-full');
      session.awaitsMap = false;
      session.head = head;
      const whole = this.#fullMap(session.node, head);
      const peers = whole.Peers ?? [];
      this.#admission.charge(peers.length, now);
      const message = { ...whole, ControlTime: formatRfc3339(wall) };
      this.#push(session, this.#frames.single(session, message, peers), now);
    }
    if (this.#dirty.size > 0) this.#flushSoon(now);
  }

  #fullMap(node: NodeId, head: ViewHead): WireMapResponse {
    const peers = this.#network.peers(node);
    return fullMapResponse({ ...head, peers, users: this.#network.users(node, peers.values()) });
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
    this.#sessions.remove(session);
    this.#dirty.delete(session);
    this.#admission.forget(session);
    this.#presence.left(session.node, now, wall);
  }

  #drained(id: SessionId, now: Instant): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.writeDeadline = undefined;
    if (this.#dirty.has(session)) this.#flushSoon(now);
  }

  #takeState(state: ControlState, now: Instant): void {
    const old = this.#network.state;
    if (state === old) return;
    this.#network.setState(state);
    for (const id of changedNodes(old, state)) if (!state.nodes.has(id)) this.#presence.forget(id);
    if (this.#network.isBehind) this.#flushSoon(now);
  }

  #touch(node: NodeId, now: Instant): void {
    this.#network.touch(node);
    this.#flushSoon(now);
  }

  #allDirty(now: Instant): void {
    for (const session of this.#sessions.allFollowing()) this.#dirty.add(session);
    this.#flushSoon(now);
  }

  #flushSoon(now: Instant): void {
    this.#flushAt = earliest(this.#flushAt, after(now, coalesceMs));
  }

  /** Everything that is due by now. */
  #advance(now: Instant, wall: WallTime): void {
    for (const gone of this.#presence.due(now, wall)) {
      if (!this.#network.state.nodes.has(gone.node)) continue;
      this.#outputs.push({ type: 'offline', node: gone.node, lastSeen: gone.lastSeen });
      this.#touch(gone.node, now);
    }
    for (const node of this.#presence.abandoned(this.#network.state, now)) {
      this.#outputs.push({ type: 'abandoned', node });
    }
    const { nextExpiry } = this.#network;
    if (nextExpiry !== undefined && nextExpiry <= wall && this.#sessions.size > 0) {
      this.#flushAt = now;
    }
    this.#probe(now);
    this.#admit(now, wall);
    if (this.#flushAt !== undefined && this.#flushAt <= now) this.#flush(now, wall);
    this.#ring(now, wall);
  }

  /** Asks nodes that share a route whether they work, and hears what came of it. */
  #probe(now: Instant): void {
    this.#probes.handleTimeout(now);
    for (let out = this.#probes.poll(); out !== undefined; out = this.#probes.poll()) {
      if (out.type === 'health') {
        this.counters.add(out.isHealthy ? 'route-server-recovered' : 'route-server-silent');
        this.#network.setHealth(out.node, out.isHealthy);
        if (this.#network.isBehind) this.#flushSoon(now);
        continue;
      }
      for (const session of this.#sessions.following(out.node)) {
        session.pendingPing = `${this.#serverUrl}${pingPath}${out.token}`;
        this.#dirty.add(session);
        this.#flushSoon(now);
      }
    }
  }

  #watchRoutes(now: Instant): void {
    const rivals = this.#serverUrl === undefined ? undefined : this.#network.takeRivals();
    if (rivals !== undefined) this.#probes.setRivals(rivals, now);
  }

  #flush(now: Instant, wall: WallTime): void {
    this.#flushAt = undefined;
    this.#network.publish(this.#presence, wall, this.#listener);
    this.#watchRoutes(now);
    for (const session of [...this.#dirty]) this.#bringUpToDate(session, now, wall);
    this.#frames.clear();
  }

  #bringUpToDate(session: MapSession, now: Instant, wall: WallTime): void {
    const node = this.#network.state.nodes.get(session.node);
    if (node?.nodeKey !== session.nodeKey) {
      this.#close(session, node === undefined ? 'unknown-node' : 'key-replaced', now, wall);
      return;
    }
    if (session.writeDeadline !== undefined) return; // `drained` brings it back
    this.#dirty.delete(session);
    const head = this.#network.head(node.id, wall);
    const delta = head && takeDelta(session, head, this.#network);
    this.counters.add(delta === undefined ? 'map-delta-empty' : 'map-delta');
    if (delta !== undefined) this.#push(session, this.#frames.delta(session, delta), now);
  }

  /** Keeps quiet streams alive, gives up those that take nothing. */
  #ring(now: Instant, wall: WallTime): void {
    for (const session of this.#sessions.due(now)) {
      if (session.writeDeadline !== undefined) {
        this.#close(session, 'slow-client', now, wall);
        continue;
      }
      this.counters.add('map-keep-alive');
      this.#push(session, this.#frames.keepAlive(session), now);
    }
  }

  #push(session: MapSession, bytes: Uint8Array, now: Instant): void {
    session.writeDeadline = after(now, slowClientMs);
    const quietMs = session.awaitsMap
      ? waitingKeepAliveMs
      : keepAliveMinMs + this.#jitter() * keepAliveJitterMs;
    session.keepAliveAt = after(now, quietMs);
    this.#sessions.setAlarm(session);
    this.#outputs.push({ type: 'write', session: session.id, bytes });
  }

  #close(
    session: MapSession,
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
}
