/**
 * How nodes look, to their peers and to themselves, as JSON objects; and what else a node is told. A node's
 * object is made once per change and shared by all who see it, so that equal views are equal pointers. Who sees
 * whom is the business of access.ts, which routes of whom that of narrowed-node.ts.
 */
import type { WallTime } from '../../base/instant.js';
import { asInteger, type JsonObject, type JsonValue } from '../../base/json.js';
import { formatRfc3339 } from '../../base/rfc3339.js';
import { hostPrefix, type Prefix } from '../../ip/prefix.js';
import { formatPublicKey } from '../../keys/keys.js';
import type { ViewHead } from '../../netmap/diff.js';
import type { WireDnsConfig, WireNode, WireRelayMap, WireUserProfile } from '../../netmap/wire.js';
import type { Crypto } from '../../ports.js';
import { knowsPins, withoutPins } from './certificate-pins.js';
import { DEFAULT_DNS, type DnsSettings, dnsConfigOf } from './dns-config.js';
import { fullName } from './names.js';
import type { Capabilities, NodeRights, Policies } from './rights.js';
import { leadsTo, type NodeRoutes } from './route-book.js';
import {
  type ControlState,
  isExpired,
  type NodeId,
  type NodeRecord,
  TAGGED_USER,
  type UserId,
} from './state.js';

/** What every view shares. */
export interface ViewSettings {
  /** Without trailing dot. */
  readonly baseDomain: string;
  /** `https://host[:port]`: where nodes are asked whether they work. Undefined: they aren't asked. */
  readonly serverUrl?: string | undefined;
  readonly relayMap: WireRelayMap;
  /** Makes the tags of what is stated. */
  readonly crypto: Pick<Crypto, 'blake2s'>;
  /** Undefined: everybody of a tailnet may talk to everybody. */
  readonly policies?: Policies | undefined;
  /** Undefined: {@link DEFAULT_DNS}. */
  readonly dns?: DnsSettings | undefined;
}

/** Who has a session, as the views show it. */
export interface Presence {
  isOnline(node: NodeId): boolean;
  /** When the node's last session ended, if that is newer than its record. */
  lastSeen(node: NodeId): WallTime | undefined;
}

/** Of a Warren node's host information: what it says of its NAT. */
const NAT_FIELD = 'WarrenNat';

/** What stood for a relay before HomeDERP: clients of 1.74 to 1.78 know nothing else. Its port is the region. */
const LEGACY_DERP_HOST = '127.3.3.40';

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

/** What a node announces: peers are told which of it they may use, beside. */
const ANNOUNCED_FIELD = 'RoutableIPs';

function sharedHostInfo(hostInfo: JsonObject, isOwn: boolean): JsonObject {
  const shared = Object.entries(hostInfo).filter(
    ([name]) => !PRIVATE_HOST_FIELDS.includes(name) && (isOwn || name !== ANNOUNCED_FIELD),
  );
  return Object.fromEntries(shared);
}

interface CachedPeer {
  readonly record: NodeRecord;
  readonly online: boolean;
  readonly lastSeen: WallTime | undefined;
  readonly expired: boolean;
  readonly routes: NodeRoutes;
  readonly capabilities: Capabilities;
  readonly wire: WireNode;
}

interface CachedSelf {
  readonly record: NodeRecord;
  readonly expired: boolean;
  readonly capabilities: Capabilities;
  readonly served: readonly Prefix[];
  readonly wire: WireNode;
}

/** Builds views; keeps the JSON objects of nodes while they hold. */
export class ViewBuilder {
  readonly #settings: ViewSettings;
  #dnsConfig: WireDnsConfig;
  readonly #peers = new Map<NodeId, CachedPeer>();
  readonly #selves = new Map<NodeId, CachedSelf>();
  #relayMap: WireRelayMap;
  /** The same for clients that know no pins; made when one of them comes. */
  #unpinned: WireRelayMap | undefined;

  constructor(settings: ViewSettings) {
    this.#settings = settings;
    this.#relayMap = settings.relayMap;
    this.#dnsConfig = dnsConfigOf(settings.dns ?? DEFAULT_DNS, settings.baseDomain);
  }

  setRelayMap(relayMap: WireRelayMap): void {
    this.#relayMap = relayMap;
    this.#unpinned = undefined;
  }

  setDns(dns: DnsSettings): void {
    this.#dnsConfig = dnsConfigOf(dns, this.#settings.baseDomain);
  }

  /** What a node is told besides its peers. */
  head(viewer: NodeRecord, rights: NodeRights, { served }: NodeRoutes, wall: WallTime): ViewHead {
    return {
      node: this.selfNode(viewer, isExpired(viewer, wall), rights.capabilities, served),
      relayMap: this.#relayMapOf(viewer),
      packetFilters: rights.packetFilters,
      sshPolicy: rights.sshPolicy,
      dnsConfig: this.#dnsConfig,
      domain: this.#settings.baseDomain,
    };
  }

  #relayMapOf(viewer: NodeRecord): WireRelayMap {
    if (knowsPins(viewer)) return this.#relayMap;
    this.#unpinned ??= withoutPins(this.#relayMap);
    return this.#unpinned;
  }

  /** Forgets nodes that are gone. */
  forget(id: NodeId): void {
    this.#peers.delete(id);
    this.#selves.delete(id);
  }

  #common(node: NodeRecord, expired: boolean, routes: readonly Prefix[], isOwn: boolean): WireNode {
    const addresses = [hostPrefix(node.addresses.v4), hostPrefix(node.addresses.v6)];
    return {
      ID: node.id,
      StableID: node.stableId,
      Name: fullName(node.label, this.#settings.baseDomain),
      User: profileIdOf(node),
      Key: formatPublicKey('node', node.nodeKey),
      ...(node.keyExpiry === undefined ? {} : { KeyExpiry: formatRfc3339(node.keyExpiry) }),
      Machine: formatPublicKey('machine', node.machineKey),
      Addresses: addresses,
      AllowedIPs: [...addresses, ...routes],
      Hostinfo: sharedHostInfo(node.hostInfo, isOwn),
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
  selfNode(
    record: NodeRecord,
    expired: boolean,
    capabilities: Capabilities,
    served: readonly Prefix[],
  ): WireNode {
    const cached = this.#selves.get(record.id);
    const isSame = cached?.record === record && cached.expired === expired;
    if (isSame && cached.capabilities === capabilities && cached.served === served) {
      return cached.wire;
    }
    const wire = { ...this.#common(record, expired, served, true), CapMap: capabilities };
    this.#selves.set(record.id, { record, expired, capabilities, served, wire });
    return wire;
  }

  /** How its peers see a node, with all that it leads to. `capabilities`: those that peers are told. */
  peerNode(
    record: NodeRecord,
    presence: Presence,
    routes: NodeRoutes,
    capabilities: Capabilities,
    wall: WallTime,
  ): WireNode {
    const expired = isExpired(record, wall);
    const online = presence.isOnline(record.id) && !expired;
    const lastSeen = online ? undefined : (presence.lastSeen(record.id) ?? record.lastSeen);
    const cached = this.#peers.get(record.id);
    if (
      cached?.record === record &&
      cached.online === online &&
      cached.lastSeen === lastSeen &&
      cached.expired === expired &&
      cached.routes.served === routes.served &&
      cached.routes.carried === routes.carried &&
      cached.capabilities === capabilities
    ) {
      return cached.wire;
    }
    const node =
      record.kind === 'wireguard'
        ? this.#plainNode(record, expired)
        : this.#machineNode(record, online, lastSeen, expired, routes);
    const isPlain = Object.keys(capabilities).length === 0;
    const wire = isPlain ? node : { ...node, CapMap: capabilities };
    this.#peers.set(record.id, { record, online, lastSeen, expired, routes, capabilities, wire });
    return wire;
  }

  /** Plain WireGuard: nobody knows whether it is there, and nothing but WireGuard may be said to it. */
  #plainNode(record: NodeRecord, expired: boolean): WireNode {
    return {
      ...this.#common(record, expired, [], false),
      Endpoints: record.endpoints.map(({ endpoint }) => endpoint),
      IsWireGuardOnly: true,
      // It comes to us from wherever it is; what is found of it that way is kept open.
      ...(record.endpoints.length === 0 ? { KeepAlive: true } : {}),
    };
  }

  #machineNode(
    record: NodeRecord,
    online: boolean,
    lastSeen: WallTime | undefined,
    expired: boolean,
    routes: NodeRoutes,
  ): WireNode {
    const homeRegion = asInteger(record.netInfo?.['PreferredDERP'], 1);
    const nat = record.hostInfo[NAT_FIELD] as JsonValue | undefined;
    return {
      ...this.#common(record, expired, leadsTo(routes), false),
      ...(routes.carried.length === 0 ? {} : { PrimaryRoutes: routes.carried }),
      ...(record.discoKey === undefined
        ? {}
        : { DiscoKey: formatPublicKey('disco', record.discoKey) }),
      Endpoints: record.endpoints.map(({ endpoint }) => endpoint),
      ...(homeRegion === undefined
        ? {}
        : { HomeDERP: homeRegion, DERP: `${LEGACY_DERP_HOST}:${homeRegion}` }),
      Online: online,
      ...(nat === undefined ? {} : { WarrenNat: nat }),
      ...(lastSeen === undefined ? {} : { LastSeen: formatRfc3339(lastSeen) }),
    };
  }
}

/** Whose profile goes with a node. */
export function profileIdOf(node: NodeRecord): UserId {
  return node.tags.length > 0 ? TAGGED_USER.id : node.userId;
}

/** A user, or the one who stands for tagged nodes. */
export function userProfile(state: ControlState, id: UserId): WireUserProfile {
  const user = id === TAGGED_USER.id ? TAGGED_USER : state.users.get(id);
  return { ID: id, LoginName: user?.loginName ?? '', DisplayName: user?.displayName ?? '' };
}
