/**
 * What each node is to see, from the state and who is online: its own node, its peers, relays, filter, DNS.
 *
 * Everybody of a tailnet sees everybody, and may talk to everybody unless the tailnet has filter rules of its
 * own; a node whose key expired sees nobody.
 * A node's JSON object is made once per change and shared by all views, so that equal views are equal
 * pointers.
 */
import type { WallTime } from '../../base/instant.js';
import { asInteger, type JsonObject, type JsonValue } from '../../base/json.js';
import { formatRfc3339 } from '../../base/rfc3339.js';
import { hostPrefix } from '../../ip/prefix.js';
import { formatPublicKey } from '../../keys/keys.js';
import type { MapView } from '../../netmap/diff.js';
import type {
  WireDnsConfig,
  WireFilterRule,
  WireNode,
  WireRelayMap,
  WireUserProfile,
} from '../../netmap/wire.js';
import { DEFAULT_DNS, type DnsSettings, dnsConfigOf } from './dns-config.js';
import { fullName } from './names.js';
import {
  type ControlState,
  isExpired,
  type NodeId,
  type NodeRecord,
  nodesOf,
  TAGGED_USER,
  type TailnetId,
} from './state.js';

/** What every view shares. */
export interface ViewSettings {
  /** Without trailing dot. */
  readonly baseDomain: string;
  readonly relayMap: WireRelayMap;
  readonly packetFilters?: PacketFilters | undefined;
  /** Undefined: {@link DEFAULT_DNS}. */
  readonly dns?: DnsSettings | undefined;
}

/** Filter rules by tailnet; one that has none here gets {@link ALLOW_NETWORK}. */
export type PacketFilters = ReadonlyMap<TailnetId, readonly WireFilterRule[]>;

/** Who has a session, as the views show it. */
export interface Presence {
  isOnline(node: NodeId): boolean;
  /** When the node's last session ended, if that is newer than its record. */
  lastSeen(node: NodeId): WallTime | undefined;
}

type FilterLists = MapView['packetFilters'];

/**
 * All may talk within a network. The sources are its addresses rather than `*`, which to clients means any
 * address at all: an exit node could then let the whole internet in. Approved subnet routes join them here
 * when there are some. The target `*` is whatever a node holds for itself or serves.
 */
export const ALLOW_NETWORK: readonly WireFilterRule[] = [
  {
    SrcIPs: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'],
    DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }],
  },
];
const DEFAULT_LISTS: FilterLists = { base: ALLOW_NETWORK };
const ALLOW_NOTHING: FilterLists = { base: [] };

/** Of a Warren node's host information: what it says of its NAT. */
const NAT_FIELD = 'WarrenNat';

/** Of a node's own affairs: push tokens, log ids, attestation. Peers have no use for them. */
const PRIVATE_HOST_FIELDS: readonly string[] = [
  'BackendLogID',
  'FrontendLogID',
  'PushDeviceToken',
  'RequestTags',
  'TPM',
  // It stands beside the node instead, where a change of it is a patch.
  NAT_FIELD,
];

function sharedHostInfo(hostInfo: JsonObject): JsonObject {
  const shared = Object.entries(hostInfo).filter(([name]) => !PRIVATE_HOST_FIELDS.includes(name));
  return Object.fromEntries(shared);
}

interface CachedPeer {
  readonly record: NodeRecord;
  readonly online: boolean;
  readonly lastSeen: WallTime | undefined;
  readonly expired: boolean;
  readonly wire: WireNode;
}

interface CachedSelf {
  readonly record: NodeRecord;
  readonly expired: boolean;
  readonly wire: WireNode;
}

/** What all nodes of a tailnet see at one moment. */
export interface TailnetSnapshot {
  readonly nodes: ReadonlyMap<NodeId, WireNode>;
  readonly users: ReadonlyMap<number, WireUserProfile>;
}

const NO_PEERS: ReadonlyMap<NodeId, WireNode> = new Map();

/** Builds views; keeps the JSON objects of nodes while they hold. */
export class ViewBuilder {
  readonly #settings: ViewSettings;
  #dnsConfig: WireDnsConfig;
  readonly #peers = new Map<NodeId, CachedPeer>();
  readonly #selves = new Map<NodeId, CachedSelf>();
  #filters: ReadonlyMap<TailnetId, FilterLists> = new Map();
  #relayMap: WireRelayMap;

  constructor(settings: ViewSettings) {
    this.#settings = settings;
    this.#relayMap = settings.relayMap;
    this.#dnsConfig = dnsConfigOf(settings.dns ?? DEFAULT_DNS, settings.baseDomain);
    this.setPacketFilters(settings.packetFilters ?? new Map());
  }

  /** Replaces the rules of all tailnets. */
  setPacketFilters(packetFilters: PacketFilters): void {
    this.#filters = new Map([...packetFilters].map(([tailnet, base]) => [tailnet, { base }]));
  }

  setRelayMap(relayMap: WireRelayMap): void {
    this.#relayMap = relayMap;
  }

  setDns(dns: DnsSettings): void {
    this.#dnsConfig = dnsConfigOf(dns, this.#settings.baseDomain);
  }

  /** What the views of one moment share; made once for all of them. */
  snapshot(
    state: ControlState,
    tailnet: TailnetId,
    presence: Presence,
    wall: WallTime,
  ): TailnetSnapshot {
    const nodes = nodesOf(state, tailnet);
    return {
      nodes: new Map(nodes.map((node) => [node.id, this.#peerNode(node, presence, wall)])),
      users: new Map(nodes.map((node) => userProfile(state, node))),
    };
  }

  /** The view of one node. */
  view(
    state: ControlState,
    viewer: NodeRecord,
    snapshot: TailnetSnapshot,
    wall: WallTime,
  ): MapView {
    const expired = isExpired(viewer, wall);
    return {
      node: this.#selfNode(viewer, expired),
      peers: expired ? NO_PEERS : snapshot.nodes,
      users: expired ? new Map([userProfile(state, viewer)]) : snapshot.users,
      relayMap: this.#relayMap,
      packetFilters: expired ? ALLOW_NOTHING : (this.#filters.get(viewer.tailnet) ?? DEFAULT_LISTS),
      dnsConfig: this.#dnsConfig,
      domain: this.#settings.baseDomain,
    };
  }

  /** Forgets nodes that are gone. */
  forget(id: NodeId): void {
    this.#peers.delete(id);
    this.#selves.delete(id);
  }

  #common(node: NodeRecord, expired: boolean): WireNode {
    const addresses = [hostPrefix(node.addresses.v4), hostPrefix(node.addresses.v6)];
    return {
      ID: node.id,
      StableID: node.stableId,
      Name: fullName(node.label, this.#settings.baseDomain),
      User: node.tags.length > 0 ? TAGGED_USER.id : node.userId,
      Key: formatPublicKey('node', node.nodeKey),
      ...(node.keyExpiry === undefined ? {} : { KeyExpiry: formatRfc3339(node.keyExpiry) }),
      Machine: formatPublicKey('machine', node.machineKey),
      Addresses: addresses,
      AllowedIPs: addresses,
      Hostinfo: sharedHostInfo(node.hostInfo),
      Created: formatRfc3339(node.createdAt),
      Cap: node.capVersion,
      ...(node.tags.length === 0 ? {} : { Tags: node.tags }),
      MachineAuthorized: !expired,
      ...(expired ? { Expired: true } : {}),
    };
  }

  /**
   * How a node sees itself. Its endpoints, disco key, home and online state are left out: it knows them
   * better, and each of its own reports would come back as a full rebuild.
   */
  #selfNode(record: NodeRecord, expired: boolean): WireNode {
    const cached = this.#selves.get(record.id);
    if (cached?.record === record && cached.expired === expired) return cached.wire;
    const wire = { ...this.#common(record, expired), CapMap: {} };
    this.#selves.set(record.id, { record, expired, wire });
    return wire;
  }

  #peerNode(record: NodeRecord, presence: Presence, wall: WallTime): WireNode {
    const expired = isExpired(record, wall);
    const online = presence.isOnline(record.id) && !expired;
    const lastSeen = online ? undefined : (presence.lastSeen(record.id) ?? record.lastSeen);
    const cached = this.#peers.get(record.id);
    if (
      cached?.record === record &&
      cached.online === online &&
      cached.lastSeen === lastSeen &&
      cached.expired === expired
    ) {
      return cached.wire;
    }
    const homeRegion = asInteger(record.netInfo?.['PreferredDERP'], 1);
    const nat = record.hostInfo[NAT_FIELD] as JsonValue | undefined;
    const wire: WireNode = {
      ...this.#common(record, expired),
      ...(record.discoKey === undefined
        ? {}
        : { DiscoKey: formatPublicKey('disco', record.discoKey) }),
      Endpoints: record.endpoints.map(({ endpoint }) => endpoint),
      ...(homeRegion === undefined ? {} : { HomeDERP: homeRegion }),
      Online: online,
      ...(nat === undefined ? {} : { WarrenNat: nat }),
      ...(lastSeen === undefined ? {} : { LastSeen: formatRfc3339(lastSeen) }),
    };
    this.#peers.set(record.id, { record, online, lastSeen, expired, wire });
    return wire;
  }
}

/** The profile that goes with a node, by its user id. */
function userProfile(state: ControlState, node: NodeRecord): readonly [number, WireUserProfile] {
  const user = node.tags.length > 0 ? TAGGED_USER : state.users.get(node.userId);
  const id = user?.id ?? node.userId;
  return [id, { ID: id, LoginName: user?.loginName ?? '', DisplayName: user?.displayName ?? '' }];
}
