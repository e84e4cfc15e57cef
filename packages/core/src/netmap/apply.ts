/**
 * A MapResponse onto the netmap: the delta rules that every client of this protocol shares.
 *
 *     Peers not empty      replaces the whole set
 *     otherwise, in order  PeersRemoved, PeersChanged, PeerSeenChange, OnlineChange, PeersChangedPatch
 *     Node                 replaces ourselves
 *     UserProfiles         merge by id, never delete
 *     DERPMap, Domain, DNSConfig   replace when stated
 *     PacketFilter(s)      list by list, decode-filter.ts
 *     Health, DisplayMessages   warnings.ts
 *
 * An empty list is no statement. Ids that are not there are ignored. The first response of a stream is
 * applied to nothing, so what it doesn't list is gone.
 */
import type { Counters } from '../base/counters.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import type { WallTime } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';
import type { MapResponse } from './decode.js';
import { applyFilterChange, filterRules } from './decode-filter.js';
import type { PeerPatch } from './decode-patch.js';
import { peersMax } from './limits.js';
import { PeerTable } from './peer-table.js';
import type { Netmap, NetmapNode, UserProfile } from './types.js';
import { applyWarnings } from './warnings.js';

export type ApplyFailure =
  /** The first response of a stream says nothing of ourselves. */
  | 'no-self-node'
  /** Control calls another key ours. */
  | 'self-key-mismatch';

export interface ApplyOptions {
  /** Our own node key. */
  readonly selfKey: NodeKey;
  /** Use subnet routes of peers. */
  readonly acceptRoutes: boolean;
  /** Control's clock now, where known; stamps "seen just now". */
  readonly serverTime: WallTime | undefined;
  readonly counters: Counters;
}

function statesPeers(response: MapResponse): boolean {
  return (
    response.peers.length > 0 ||
    response.peersRemoved.length > 0 ||
    response.peersChanged.length > 0 ||
    response.seenChange.size > 0 ||
    response.onlineChange.size > 0 ||
    response.peersPatched.length > 0
  );
}

/** `peer` with its online flag; an online node has no "last seen". */
function withOnline(peer: NetmapNode, online: boolean): NetmapNode {
  return { ...peer, online, lastSeen: online ? undefined : peer.lastSeen };
}

function patched(peer: NetmapNode, patch: PeerPatch): NetmapNode {
  // An offline node's disco key from control is older news than what its packets may have told us.
  const isStaleDisco =
    patch.online === false &&
    patch.lastSeen !== undefined &&
    peer.lastSeen !== undefined &&
    patch.lastSeen <= peer.lastSeen;
  const online = patch.online ?? peer.online;
  return {
    ...peer,
    homeRegion: patch.homeRegion ?? peer.homeRegion,
    capVersion: patch.capVersion ?? peer.capVersion,
    endpoints: patch.endpoints ?? peer.endpoints,
    key: patch.key ?? peer.key,
    discoKey: isStaleDisco ? peer.discoKey : (patch.discoKey ?? peer.discoKey),
    online,
    lastSeen: online === true ? undefined : (patch.lastSeen ?? peer.lastSeen),
    keyExpiry: patch.keyExpiry ?? peer.keyExpiry,
    ...(patch.nat === undefined ? {} : { nat: patch.nat }),
  };
}

function applyPatch(table: PeerTable, patch: PeerPatch, counters: Counters): void {
  const peer = table.get(patch.id);
  if (peer === undefined) return;
  const isTaken = patch.key !== undefined && table.isKeyTaken(patch.key, patch.id);
  if (isTaken) counters.add('netmap-patch-key-taken');
  table.put(patched(peer, isTaken ? { ...patch, key: undefined } : patch));
}

function applyDelta(table: PeerTable, response: MapResponse, options: ApplyOptions): void {
  for (const id of response.peersRemoved) table.remove(id);
  // All changed peers leave before the first returns: two of them may have swapped an address.
  for (const peer of response.peersChanged) table.remove(peer.id);
  for (const peer of response.peersChanged) table.put(peer);
  for (const [id, seenNow] of response.seenChange) {
    const peer = table.get(id);
    if (peer === undefined || peer.online === true) continue;
    table.put({ ...peer, lastSeen: seenNow ? options.serverTime : undefined });
  }
  for (const [id, online] of response.onlineChange) {
    const peer = table.get(id);
    if (peer !== undefined) table.put(withOnline(peer, online));
  }
  for (const patch of response.peersPatched) applyPatch(table, patch, options.counters);
}

function applyPeers(
  previous: Netmap | undefined,
  self: NetmapNode,
  response: MapResponse,
  options: ApplyOptions,
): ReadonlyMap<number, NetmapNode> {
  const selfMoved = response.node !== undefined;
  if (previous !== undefined && !selfMoved && !statesPeers(response)) return previous.peers;
  const table = new PeerTable(self, options.acceptRoutes, options.counters);
  if (response.peers.length > 0) {
    for (const peer of response.peers) {
      if (table.get(peer.id) === undefined) table.put(peer);
      else options.counters.add('netmap-peer-id-twice');
    }
  } else {
    for (const peer of previous?.peers.values() ?? []) {
      if (selfMoved) table.put(peer);
      else table.keep(peer);
    }
    applyDelta(table, response, options);
  }
  return table.snapshot();
}

function applyUsers(
  previous: ReadonlyMap<number, UserProfile> | undefined,
  response: MapResponse,
  counters: Counters,
): ReadonlyMap<number, UserProfile> {
  if (previous !== undefined && response.users.length === 0) return previous;
  const users = new Map(previous);
  for (const user of response.users) {
    if (users.size >= peersMax && !users.has(user.id)) counters.add('netmap-users-over-limit');
    else users.set(user.id, user);
  }
  return users;
}

type Filter = Pick<Netmap, 'packetFilter' | 'filterSets'>;

const SHUT: Filter = { packetFilter: [], filterSets: new Map() };

function applyFilter(
  previous: Netmap | undefined,
  response: MapResponse,
  counters: Counters,
): Filter {
  const before = previous ?? SHUT;
  if (response.filter === undefined) return before;
  const filterSets = applyFilterChange(before.filterSets, response.filter, counters);
  return { filterSets, packetFilter: filterRules(filterSets) };
}

/**
 * The netmap after `response`. `previous` is undefined for the first response of a stream, and is never
 * changed. Gives `previous` itself when the response says nothing (a keep-alive).
 */
export function applyMapResponse(
  previous: Netmap | undefined,
  response: MapResponse,
  options: ApplyOptions,
): Netmap | DecodeFailure<ApplyFailure> {
  if (response.keepAlive && previous !== undefined) return previous;
  const self = response.node ?? previous?.self;
  if (self === undefined) return fail('no-self-node');
  if (self.key !== options.selfKey) return fail('self-key-mismatch');
  const { packetFilter, filterSets } = applyFilter(previous, response, options.counters);
  const dns = response.dns ?? previous?.dns;
  const warnings = applyWarnings(previous?.warnings, response.warnings, options.counters);
  const next: Netmap = {
    self,
    peers: applyPeers(previous, self, response, options),
    relayMap: response.relayMap ?? previous?.relayMap ?? { regions: new Map() },
    users: applyUsers(previous?.users, response, options.counters),
    domain: response.domain ?? previous?.domain ?? '',
    packetFilter,
    filterSets,
    ...(dns === undefined ? {} : { dns }),
    ...(warnings === undefined ? {} : { warnings }),
  };
  const isSame =
    previous !== undefined &&
    next.self === previous.self &&
    next.peers === previous.peers &&
    next.relayMap === previous.relayMap &&
    next.users === previous.users &&
    next.domain === previous.domain &&
    next.filterSets === previous.filterSets &&
    next.dns === previous.dns &&
    next.warnings === previous.warnings;
  return isSame ? previous : next;
}
