/**
 * The network as viewers were last told of it, and how it moves on: changes gather, `publish` works out what
 * each of them means for whom. Its cost is that of who may see what changed; only another policy concerns
 * everybody.
 *
 *     node changed       -> peers that see it: it was so and is otherwise, as far as its routes concern them
 *     came, went, retagged -> both sides that gained or lost sight of each other; whose filter it is in
 *     key expired        -> sees nobody from now on; its peers see it expired
 *     user renamed       -> who sees a node of the user, and the user's groups
 *     other policy       -> everybody of the tailnet
 */
import type { WallTime } from '../../base/instant.js';
import type { ViewHead } from '../../netmap/diff.js';
import type { WireNode, WireRelayMap, WireUserProfile } from '../../netmap/wire.js';
import type { SshRule } from '../../policy/policy.js';
import type { RouteReach } from '../../policy/route-reach.js';
import { NetworkAccess, SightChange } from './access.js';
import type { DnsSettings } from './dns-config.js';
import { ExpiryQueue } from './expiry-queue.js';
import { hasRoutes, narrowedNode } from './narrowed-node.js';
import { NetworkRoutes } from './network-routes.js';
import { NO_RIGHTS, type Policies } from './rights.js';
import type { NodeRoutes } from './route-book.js';
import {
  type ControlState,
  changedNodes,
  isExpired,
  type NodeId,
  type NodeRecord,
  type TailnetId,
  type UserId,
} from './state.js';
import { type Presence, profileIdOf, userProfile, ViewBuilder, type ViewSettings } from './view.js';

/** Who hears what a publication means. */
export interface PublicationListener {
  /** What `viewer` sees of `peer` may be another thing now; before, it was this, or nothing. */
  onPeer(viewer: NodeId, peer: NodeId, before: WireNode | undefined): void;
  /** What `viewer` is told besides its peers may be another thing now. */
  onHead(viewer: NodeId): void;
  /** A user whose profile `viewer` has is called otherwise. */
  onUser(viewer: NodeId, user: UserId): void;
  /** All of it that concerns `viewer` was told, and it may be much: a good time to pass it on. */
  onViewerDone(viewer: NodeId): void;
}

export class PublishedNetwork {
  readonly #views: ViewBuilder;
  readonly #access: NetworkAccess;
  readonly #routes: NetworkRoutes;
  readonly #expiries = new ExpiryQueue();
  /** Nodes as their viewers know them. */
  readonly #shown = new Map<NodeId, WireNode>();
  /** Nodes whose key expired: they see nobody. */
  readonly #blind = new Set<NodeId>();
  readonly #changed = new Set<NodeId>();
  readonly #changedUsers = new Set<UserId>();
  readonly #changedPolicies = new Set<TailnetId>();
  #state: ControlState;
  #isLoaded = false;

  constructor(state: ControlState, settings: ViewSettings) {
    this.#state = state;
    this.#views = new ViewBuilder(settings);
    const policies = settings.policies ?? new Map();
    this.#access = new NetworkAccess(policies);
    this.#routes = new NetworkRoutes(state, policies);
  }

  /** The newest, published or not. */
  get state(): ControlState {
    return this.#state;
  }

  /** When the next node key expires; undefined: none will. */
  get nextExpiry(): WallTime | undefined {
    return this.#expiries.next;
  }

  /** False: what follows from it was published already. */
  get isBehind(): boolean {
    return this.#changed.size + this.#changedUsers.size + this.#changedPolicies.size > 0;
  }

  setState(next: ControlState): void {
    const old = this.#state;
    this.#state = next;
    for (const id of changedNodes(old, next)) this.#changed.add(id);
    if (old.users === next.users) return;
    const renamed = new Set(
      [...next.users]
        .filter(([id, user]) => (old.users.get(id) ?? user) !== user)
        .map(([id]) => id),
    );
    if (renamed.size === 0) return;
    for (const id of renamed) this.#changedUsers.add(id);
    // Groups name users: a node of a renamed one may be somebody else's now.
    for (const [id, node] of next.nodes) if (renamed.has(node.userId)) this.#changed.add(id);
  }

  /** It came or went, or something else changed that its record doesn't say. */
  touch(id: NodeId): void {
    this.#changed.add(id);
  }

  setPolicies(policies: Policies): void {
    for (const tailnet of this.#access.setPolicies(policies)) this.#changedPolicies.add(tailnet);
    for (const id of this.#routes.setPolicies(policies)) this.#changed.add(id);
  }

  setRelayMap(relayMap: WireRelayMap): void {
    this.#views.setRelayMap(relayMap);
  }

  setDns(dns: DnsSettings): void {
    this.#views.setDns(dns);
  }

  /** What came of asking a node whether it works. */
  setHealth(id: NodeId, isHealthy: boolean): void {
    for (const other of this.#routes.setHealth(id, isHealthy)) this.#changed.add(other);
  }

  routesOf(id: NodeId): NodeRoutes {
    return this.#routes.routesOf(id);
  }

  /** The rule by which `source` may log in on `target`; undefined: it may not. */
  sshRule(source: NodeId, target: NodeId, localUser: string): SshRule | undefined {
    const isOut = this.#blind.has(source) || this.#blind.has(target);
    return isOut ? undefined : this.#access.sshRule(source, target, localUser);
  }

  /** Nodes whose work should be looked after; undefined: as it was. */
  takeRivals(): ReadonlySet<NodeId> | undefined {
    return this.#routes.takeRivals();
  }

  /** Makes what changed true for viewers, and tells them. */
  publish(presence: Presence, wall: WallTime, listener: PublicationListener): void {
    if (!this.#isLoaded) this.#load(presence, wall);
    for (const id of this.#expiries.due(wall)) this.#changed.add(id);
    for (const id of [...this.#changed]) this.#followRoutes(id, presence, wall);
    for (const id of this.#changed) this.#publishNode(id, presence, wall, listener);
    this.#changed.clear();
    for (const tailnet of this.#changedPolicies) {
      this.#publishPolicy(tailnet, presence, wall, listener);
    }
    this.#changedPolicies.clear();
    for (const user of this.#changedUsers) this.#publishUser(user, listener);
    this.#changedUsers.clear();
  }

  /** What a node is told besides its peers; undefined: there is no such node. */
  head(viewer: NodeId, wall: WallTime): ViewHead | undefined {
    const record = this.#state.nodes.get(viewer);
    if (record === undefined) return undefined;
    const rights = this.#blind.has(viewer) ? NO_RIGHTS : this.#access.rightsOf(viewer);
    return this.#views.head(record, rights, this.#routes.routesOf(viewer), wall);
  }

  /** What `viewer` sees of `peer`; undefined: nothing. */
  peer(viewer: NodeId, peer: NodeId): WireNode | undefined {
    if (this.#blind.has(viewer) || !this.#access.sees(viewer, peer)) return undefined;
    return this.#narrowed(peer, this.#access.reachOf(viewer));
  }

  /** All that `viewer` sees, by ascending id. */
  peers(viewer: NodeId): ReadonlyMap<NodeId, WireNode> {
    const peers = new Map<NodeId, WireNode>();
    if (this.#blind.has(viewer)) return peers;
    const reach = this.#access.reachOf(viewer);
    for (const id of [...this.#access.peersOf(viewer)].sort((one, other) => one - other)) {
      const shown = this.#narrowed(id, reach);
      if (shown !== undefined) peers.set(id, shown);
    }
    return peers;
  }

  /** Profiles that go with a node and its peers. */
  users(viewer: NodeId, peers: Iterable<WireNode>): ReadonlyMap<UserId, WireUserProfile> {
    const record = this.#state.nodes.get(viewer);
    const ids = new Set(record === undefined ? [] : [profileIdOf(record)]);
    for (const { User } of peers) ids.add(User);
    return new Map([...ids].map((id) => [id, this.user(id)]));
  }

  user(id: UserId): WireUserProfile {
    return userProfile(this.#state, id);
  }

  /** A node as last shown, to a viewer who has to do with some routes. */
  #narrowed(id: NodeId, reach: RouteReach): WireNode | undefined {
    const shown = this.#shown.get(id);
    return shown && narrowedNode(shown, reach);
  }

  /** How a node looks now to who is told all of its routes. */
  #view(record: NodeRecord, presence: Presence, wall: WallTime): WireNode {
    const routes = this.#routes.routesOf(record.id);
    const capabilities = this.#access.peerCapabilitiesOf(record.id);
    return this.#views.peerNode(record, presence, routes, capabilities, wall);
  }

  #load(presence: Presence, wall: WallTime): void {
    this.#isLoaded = true;
    for (const id of this.#state.nodes.keys()) this.#followRoutes(id, presence, wall);
    this.#access.load(this.#state, (id) => this.#routes.routesOf(id));
    for (const record of this.#state.nodes.values()) {
      this.#shown.set(record.id, this.#view(record, presence, wall));
      this.#expiries.set(record.id, record.keyExpiry);
      if (isExpired(record, wall)) this.#blind.add(record.id);
    }
    // What was due before counts already.
    this.#expiries.due(wall);
    this.#changed.clear();
    this.#changedUsers.clear();
  }

  /** Others may carry something else by what changed of a node: they are shown anew too. */
  #followRoutes(id: NodeId, presence: Presence, wall: WallTime): void {
    const record = this.#state.nodes.get(id);
    const isOnline = record !== undefined && presence.isOnline(id) && !isExpired(record, wall);
    const others =
      record === undefined
        ? this.#routes.remove(id)
        : this.#routes.put(this.#state, record, isOnline);
    for (const other of others) this.#changed.add(other);
  }

  #publishNode(
    id: NodeId,
    presence: Presence,
    wall: WallTime,
    listener: PublicationListener,
  ): void {
    const record = this.#state.nodes.get(id);
    const before = this.#shown.get(id);
    const tell = (viewer: NodeId, peer: NodeId, was: WireNode | undefined): void => {
      if (!this.#blind.has(viewer)) listener.onPeer(viewer, peer, was);
    };
    /** As `viewer` was told of it. */
    const wasTo = (viewer: NodeId): WireNode | undefined =>
      before !== undefined && hasRoutes(before)
        ? narrowedNode(before, this.#access.reachOf(viewer))
        : before;
    const oldReach = this.#access.reachOf(id);
    const isBlind = record === undefined || isExpired(record, wall);
    if (isBlind && !this.#blind.has(id)) {
      for (const peer of this.#access.peersOf(id)) tell(id, peer, this.#narrowed(peer, oldReach));
      this.#blind.add(id);
    }
    const change =
      record === undefined
        ? this.#access.remove(id)
        : this.#access.put(this.#state, record, this.#routes.routesOf(id).served);
    for (const peer of change?.lost ?? []) {
      tell(peer, id, wasTo(peer));
      tell(id, peer, this.#narrowed(peer, oldReach));
    }
    const after = record && this.#view(record, presence, wall);
    if (after === undefined) this.#shown.delete(id);
    else this.#shown.set(id, after);
    for (const peer of change?.gained ?? []) {
      tell(peer, id, undefined);
      tell(id, peer, undefined);
    }
    if (before !== undefined && after !== undefined && before !== after) {
      for (const peer of this.#access.peersOf(id)) tell(peer, id, wasTo(peer));
    }
    if (oldReach !== this.#access.reachOf(id)) this.#followReach(id, oldReach, tell);
    if (!isBlind && this.#blind.delete(id)) {
      for (const peer of this.#access.peersOf(id)) listener.onPeer(id, peer, undefined);
    }
    this.#expiries.set(id, record?.keyExpiry);
    if (record === undefined) {
      this.#blind.delete(id);
      this.#views.forget(id);
    }
    listener.onHead(id);
    for (const other of change?.affected ?? []) listener.onHead(other);
  }

  /** A node is in other lists of the policy now: it may have to do with other routes of those that it saw before. */
  #followReach(
    id: NodeId,
    oldReach: RouteReach,
    tell: (viewer: NodeId, peer: NodeId, was: WireNode | undefined) => void,
  ): void {
    for (const peer of this.#access.peersOf(id)) {
      const was = this.#narrowed(peer, oldReach);
      if (was !== this.#narrowed(peer, this.#access.reachOf(id))) tell(id, peer, was);
    }
  }

  #publishPolicy(
    tailnet: TailnetId,
    presence: Presence,
    wall: WallTime,
    listener: PublicationListener,
  ): void {
    const tables = this.#access.rebuild(tailnet);
    if (tables === undefined) return;
    const records = [...this.#state.nodes.values()].filter((node) => node.tailnet === tailnet);
    const old = this.#renewViews(records, presence, wall);
    const change = new SightChange(tables, new Set(old.keys()));
    const wasTo = (peer: NodeId, reach: RouteReach): WireNode | undefined => {
      const was = old.get(peer) ?? this.#shown.get(peer);
      return was && narrowedNode(was, reach);
    };
    for (const { id: viewer } of records) {
      listener.onHead(viewer);
      if (this.#blind.has(viewer)) continue;
      const { gained, lost, kept, before, now } = change.of(viewer);
      for (const peer of gained) {
        if (peer !== viewer) listener.onPeer(viewer, peer, undefined);
      }
      for (const peer of lost) {
        if (peer !== viewer) listener.onPeer(viewer, peer, wasTo(peer, before));
      }
      for (const peer of kept) {
        const was = wasTo(peer, before);
        const isOther = peer !== viewer && was !== this.#narrowed(peer, now);
        if (isOther) listener.onPeer(viewer, peer, was);
      }
      listener.onViewerDone(viewer);
    }
  }

  /** Shows nodes as another policy has them. Answers those that may look otherwise to somebody, as they were. */
  #renewViews(
    records: readonly NodeRecord[],
    presence: Presence,
    wall: WallTime,
  ): ReadonlyMap<NodeId, WireNode> {
    const old = new Map<NodeId, WireNode>();
    for (const record of records) {
      const before = this.#shown.get(record.id);
      const after = this.#view(record, presence, wall);
      this.#shown.set(record.id, after);
      if (before !== undefined && (before !== after || hasRoutes(after))) {
        old.set(record.id, before);
      }
    }
    return old;
  }

  #publishUser(user: UserId, listener: PublicationListener): void {
    for (const node of this.#state.nodes.values()) {
      if (profileIdOf(node) !== user) continue;
      listener.onUser(node.id, user);
      for (const viewer of this.#access.peersOf(node.id)) {
        if (!this.#blind.has(viewer)) listener.onUser(viewer, user);
      }
    }
  }
}
