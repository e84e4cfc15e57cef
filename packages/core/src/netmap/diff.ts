/**
 * What one node is to see, and the smallest MapResponse that leads from one such view to the next.
 *
 * The law, tested as a property: applying `fullMapResponse(old)` and then `diffViews(old, next)` gives what
 * applying `fullMapResponse(next)` gives, but for user profiles, which clients never forget.
 *
 * A view's node objects are kept by identity while nothing changes: the same object is the same state, so
 * comparing two views costs one pointer per peer; and views of one moment share their map of peers, so that the
 * comparison is made once for all of them.
 */
import { sameJson } from '../base/json.js';
import type {
  WireDnsConfig,
  WireFilterRule,
  WireMapResponse,
  WireNode,
  WirePacketFilters,
  WirePeerChange,
  WireRelayMap,
  WireSshPolicy,
  WireUserProfile,
} from './wire.js';

/** What one node is to see besides its peers. */
export interface ViewHead {
  readonly node: WireNode;
  readonly relayMap: WireRelayMap;
  readonly packetFilters: Readonly<Record<string, readonly WireFilterRule[]>>;
  /** Undefined: nothing was ever said of SSH. */
  readonly sshPolicy?: WireSshPolicy | undefined;
  readonly dnsConfig: WireDnsConfig;
  readonly domain: string;
}

/** Everything one node is to see. */
export interface MapView extends ViewHead {
  /** By node id, ascending. May hold `node` itself, which is never sent as a peer. */
  readonly peers: ReadonlyMap<number, WireNode>;
  /** Profiles of every user that owns a node in this view. */
  readonly users: ReadonlyMap<number, WireUserProfile>;
}

/** Fields that a patch can set; all others need the whole node. */
const PATCHABLE: ReadonlySet<string> = new Set([
  'HomeDERP',
  'DERP', // says what HomeDERP says
  'Cap',
  'Endpoints',
  'Key',
  'DiscoKey',
  'Online',
  'LastSeen',
  'KeyExpiry',
  'WarrenNat',
]);

function changedFields(old: WireNode, next: WireNode): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const field of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const key = field as keyof WireNode;
    if (!sameJson(old[key], next[key])) changed.add(field);
  }
  return changed;
}

/** A patch can't clear: an absent field and an empty list both mean "unchanged" to some client. */
function isExpressible(field: string, next: WireNode): boolean {
  if (!PATCHABLE.has(field)) return false;
  // An online node has no LastSeen; clients drop it when Online turns true.
  if (field === 'LastSeen' && next.LastSeen === undefined) return next.Online === true;
  if (field === 'Endpoints') return (next.Endpoints ?? []).length > 0;
  return next[field as keyof WireNode] !== undefined;
}

/**
 * The patch from `old` to `next`; undefined when only the whole node can say it.
 */
function patchOf(
  old: WireNode,
  next: WireNode,
  changed: ReadonlySet<string>,
): WirePeerChange | undefined {
  for (const field of changed) if (!isExpressible(field, next)) return undefined;
  // LastSeen may vanish only together with the change to online.
  if (changed.has('LastSeen') && next.LastSeen === undefined && !changed.has('Online')) {
    return undefined;
  }
  // Clients drop a disco key that comes with Online=false: they hold it for old news.
  if (changed.has('DiscoKey') && changed.has('Online') && next.Online === false) return undefined;
  const pick = <Name extends keyof WireNode>(field: Name): WireNode[Name] | undefined =>
    changed.has(field) ? next[field] : undefined;
  const values = {
    DERPRegion: pick('HomeDERP'),
    Cap: pick('Cap'),
    Endpoints: pick('Endpoints'),
    Key: pick('Key'),
    DiscoKey: pick('DiscoKey'),
    Online: pick('Online'),
    LastSeen: pick('LastSeen'),
    KeyExpiry: pick('KeyExpiry'),
    WarrenNat: pick('WarrenNat'),
  };
  const set = Object.entries(values).filter(([, value]) => value !== undefined);
  return { NodeID: old.ID, ...(Object.fromEntries(set) as Omit<WirePeerChange, 'NodeID'>) };
}

/** What became of peers. */
export interface PeerDelta {
  readonly changed: readonly WireNode[];
  readonly removed: readonly number[];
  readonly patched: readonly WirePeerChange[];
}

/** What leads one node object to another: nothing, a patch, or the whole node. */
export type PeerStep = 'none' | 'whole' | WirePeerChange;

/** The last step from each node object: viewers who saw the same node take the same step. */
const lastSteps = new WeakMap<WireNode, { readonly next: WireNode; readonly step: PeerStep }>();

export function peerStep(before: WireNode, next: WireNode): PeerStep {
  const last = lastSteps.get(before);
  if (last?.next === next) return last.step;
  const fields = changedFields(before, next);
  const step = fields.size === 0 ? 'none' : (patchOf(before, next, fields) ?? 'whole');
  lastSteps.set(before, { next, step });
  return step;
}

function comparePeers(old: MapView['peers'], next: MapView['peers']): PeerDelta {
  const changed: WireNode[] = [];
  const patched: WirePeerChange[] = [];
  const removed = [...old.keys()].filter((id) => !next.has(id));
  for (const [id, node] of next) {
    const before = old.get(id);
    if (before === node) continue;
    const step = before === undefined ? 'whole' : peerStep(before, node);
    if (step === 'whole') changed.push(node);
    else if (step !== 'none') patched.push(step);
  }
  return { changed, removed, patched };
}

interface LastDelta {
  readonly next: MapView['peers'];
  readonly delta: PeerDelta;
}

/** The last comparison from each map of peers: most viewers of a tailnet take the same step. */
const lastDeltas = new WeakMap<MapView['peers'], LastDelta>();

function diffPeers(old: MapView, next: MapView): PeerDelta {
  let last = lastDeltas.get(old.peers);
  if (last?.next !== next.peers) {
    last = { next: next.peers, delta: comparePeers(old.peers, next.peers) };
    lastDeltas.set(old.peers, last);
  }
  const self = next.node.ID;
  const { changed, removed, patched } = last.delta;
  return {
    changed: changed.filter((node) => node.ID !== self),
    removed: removed.filter((id) => id !== self),
    patched: patched.filter((patch) => patch.NodeID !== self),
  };
}

/** Takes back all rules that were there: leaving them out would mean no change. */
const NO_SSH_RULES: WireSshPolicy = { rules: [] };

interface LastFilterStep {
  readonly next: MapView['packetFilters'];
  readonly changes: WirePacketFilters | undefined;
}

/** The last step from each filter: a tailnet's viewers take it together, and its rules may be thousands. */
const lastFilterSteps = new WeakMap<MapView['packetFilters'], LastFilterStep>();

function diffFilters(
  old: MapView['packetFilters'],
  next: MapView['packetFilters'],
): WirePacketFilters | undefined {
  if (old === next) return undefined;
  let last = lastFilterSteps.get(old);
  if (last?.next !== next) {
    last = { next, changes: compareFilters(old, next) };
    lastFilterSteps.set(old, last);
  }
  return last.changes;
}

function compareFilters(
  old: MapView['packetFilters'],
  next: MapView['packetFilters'],
): WirePacketFilters | undefined {
  const changes: Record<string, readonly WireFilterRule[] | null> = {};
  for (const name of Object.keys(old)) if (next[name] === undefined) changes[name] = null;
  for (const [name, rules] of Object.entries(next)) {
    if (!sameJson(old[name], rules)) changes[name] = rules;
  }
  return Object.keys(changes).length === 0 ? undefined : changes;
}

function diffUsers(old: MapView['users'], next: MapView['users']): readonly WireUserProfile[] {
  if (old === next) return [];
  return [...next.values()].filter((user) => !sameJson(old.get(user.ID), user));
}

/** The smallest message that says what changed; undefined: nothing did. */
export function deltaResponse(
  old: ViewHead,
  next: ViewHead,
  peers: PeerDelta,
  users: readonly WireUserProfile[],
): WireMapResponse | undefined {
  const filters = diffFilters(old.packetFilters, next.packetFilters);
  const ssh = next.sshPolicy ?? (old.sshPolicy === undefined ? undefined : NO_SSH_RULES);
  const response: WireMapResponse = {
    ...(sameJson(old.node, next.node) ? {} : { Node: next.node }),
    ...(sameJson(old.relayMap, next.relayMap) ? {} : { DERPMap: next.relayMap }),
    ...(users.length === 0 ? {} : { UserProfiles: users }),
    ...(peers.changed.length === 0 ? {} : { PeersChanged: peers.changed }),
    ...(peers.removed.length === 0 ? {} : { PeersRemoved: peers.removed }),
    ...(peers.patched.length === 0 ? {} : { PeersChangedPatch: peers.patched }),
    ...(sameJson(old.dnsConfig, next.dnsConfig) ? {} : { DNSConfig: next.dnsConfig }),
    ...(old.domain === next.domain ? {} : { Domain: next.domain }),
    ...(filters === undefined ? {} : { PacketFilters: filters }),
    ...(ssh === undefined || sameJson(old.sshPolicy, ssh) ? {} : { SSHPolicy: ssh }),
  };
  return Object.keys(response).length === 0 ? undefined : response;
}

/** The delta from `old` to `next`; undefined when they show the same network. */
export function diffViews(old: MapView, next: MapView): WireMapResponse | undefined {
  return deltaResponse(old, next, diffPeers(old, next), diffUsers(old.users, next.users));
}

/** The first message of a stream: everything. */
export function fullMapResponse(view: MapView): WireMapResponse {
  const peers = [...view.peers.values()].filter((peer) => peer.ID !== view.node.ID);
  return {
    Node: view.node,
    DERPMap: view.relayMap,
    DNSConfig: view.dnsConfig,
    Domain: view.domain,
    PacketFilters: view.packetFilters,
    ...(view.sshPolicy === undefined ? {} : { SSHPolicy: view.sshPolicy }),
    UserProfiles: [...view.users.values()],
    ...(peers.length === 0 ? {} : { Peers: peers }),
    Debug: { DisableLogTail: true },
  };
}
