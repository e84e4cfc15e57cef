/**
 * What a control server knows, as immutable values: every change makes a new {@link ControlState} that shares
 * what stayed. Records keep their identity while nothing about them changes, which is what lets views be
 * compared by pointer (netmap/diff.ts).
 *
 * Everything belongs to a tailnet by its id; the protocol itself doesn't name one. Online state is not here:
 * it lives with the sessions.
 */
import { IdMap } from '../../base/id-map.js';
import type { WallTime } from '../../base/instant.js';
import type { JsonObject } from '../../base/json.js';
import type { Endpoint } from '../../ip/address.js';
import type { Prefix } from '../../ip/prefix.js';
import type { DiscoKey, MachineKey, NodeKey } from '../../keys/keys.js';
import { addressesOf, type OverlayAddresses } from './addresses.js';

export type TailnetId = string;
export type NodeId = number;
export type UserId = number;

/** Nodes of one server: what one process on SQLite-sized hardware serves with room to spare. */
export const nodesMax = 20_000;
/** Auth keys kept, spent and expired ones included. */
export const authKeysMax = 10_000;

/** Tagged nodes have no user; stock clients show this one, whose id others use for it too. */
export const TAGGED_USER = {
  id: 2_147_455_555,
  loginName: 'tagged-devices',
  displayName: 'Tagged Devices',
} as const;

export interface UserRecord {
  readonly id: UserId;
  readonly tailnet: TailnetId;
  readonly loginName: string;
  readonly displayName: string;
}

/** What a secret of ours is good for: a machine shows it itself, or a person types it on the approval page. */
export type AuthKeyPurpose = 'join' | 'approve';

/** A pre-auth key, or an approval code. The secret itself is never kept. */
export interface AuthKeyRecord {
  readonly id: string;
  readonly purpose: AuthKeyPurpose;
  readonly tailnet: TailnetId;
  /** SHA-256 of the secret's text, as hex. */
  readonly secretSha256: string;
  readonly userId: UserId;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly createdAt: WallTime;
  /** Undefined: never. */
  readonly expiresAt: WallTime | undefined;
  /** When it last let a node in. */
  readonly usedAt: WallTime | undefined;
  readonly revokedAt: WallTime | undefined;
}

/** An endpoint as its node reported it; `type` is control's EndpointType, 0 for unknown. */
export interface ReportedEndpoint {
  readonly endpoint: Endpoint;
  readonly type: number;
}

/**
 * `machine`: it joined, and speaks with control. `wireguard`: plain WireGuard that an operator added
 * (wireguard-nodes.ts); it never does.
 */
export type NodeKind = 'machine' | 'wireguard';

export interface NodeRecord {
  /** From 1, never used again. */
  readonly id: NodeId;
  readonly kind: NodeKind;
  readonly stableId: string;
  readonly tailnet: TailnetId;
  /** The zero key of plain WireGuard, which no machine can prove. */
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey | undefined;
  /** 0: tagged. */
  readonly userId: UserId;
  readonly tags: readonly string[];
  /** The key that it came in by last: shown again at every start of a container, it changes nothing. */
  readonly authKeyId: string | undefined;
  readonly ephemeral: boolean;
  readonly addresses: OverlayAddresses;
  /** The DNS label, unique in the tailnet. */
  readonly label: string;
  /** An operator gave the label: host names don't change it any more. */
  readonly labelGiven: boolean;
  /** As reported. */
  readonly hostName: string;
  /** As reported, with fields unknown to us, without NetInfo. */
  readonly hostInfo: JsonObject;
  readonly netInfo: JsonObject | undefined;
  readonly endpoints: readonly ReportedEndpoint[];
  /** Routes that an operator lets it serve, whether it announces them or not; sorted. */
  readonly approvedRoutes: readonly Prefix[];
  readonly capVersion: number;
  readonly createdAt: WallTime;
  /** Undefined: never. In the past: expired or logged out. */
  readonly keyExpiry: WallTime | undefined;
  /** When its last session ended; undefined: it never had one. */
  readonly lastSeen: WallTime | undefined;
}

export interface TailnetRecord {
  readonly id: TailnetId;
  /** Where the search for free addresses goes on. */
  readonly lastAddressIndex: number;
}

export interface ControlState {
  readonly tailnets: ReadonlyMap<TailnetId, TailnetRecord>;
  readonly users: ReadonlyMap<UserId, UserRecord>;
  readonly authKeys: ReadonlyMap<string, AuthKeyRecord>;
  readonly nodes: ReadonlyMap<NodeId, NodeRecord>;
  /** Follows from `nodes`. */
  readonly nodeIdByKey: ReadonlyMap<NodeKey, NodeId>;
  readonly nextNodeId: NodeId;
  readonly nextUserId: UserId;
}

/** A server that nobody has joined. */
export function emptyState(): ControlState {
  return {
    tailnets: new Map(),
    users: new Map(),
    authKeys: new Map(),
    nodes: IdMap.empty(),
    nodeIdByKey: new Map(),
    nextNodeId: 1,
    nextUserId: 1,
  };
}

export function findNode(state: ControlState, key: NodeKey): NodeRecord | undefined {
  const id = state.nodeIdByKey.get(key);
  return id === undefined ? undefined : state.nodes.get(id);
}

/** The nodes of one tailnet, by ascending id. */
export function nodesOf(state: ControlState, tailnet: TailnetId): readonly NodeRecord[] {
  return [...state.nodes.values()].filter((node) => node.tailnet === tailnet);
}

/** True when the node's key is past its expiry. */
export function isExpired(node: NodeRecord, wall: WallTime): boolean {
  return node.keyExpiry !== undefined && node.keyExpiry <= wall;
}

/** Ids of the nodes that two states don't have alike; costs what it finds, for states that come of each other. */
export function changedNodes(old: ControlState, next: ControlState): Iterable<NodeId> {
  if (old.nodes === next.nodes) return [];
  return IdMap.differences(IdMap.of(old.nodes), IdMap.of(next.nodes));
}

/** Adds the node or replaces the one with its id. */
export function withNode(state: ControlState, node: NodeRecord): ControlState {
  const old = state.nodes.get(node.id);
  if (old === node) return state;
  const nodes = IdMap.of(state.nodes).with(node.id, node);
  if (old?.nodeKey === node.nodeKey) return { ...state, nodes };
  const nodeIdByKey = new Map(state.nodeIdByKey);
  if (old !== undefined) nodeIdByKey.delete(old.nodeKey);
  nodeIdByKey.set(node.nodeKey, node.id);
  return { ...state, nodes, nodeIdByKey };
}

/** Takes the node out; its id is not used again. */
export function withoutNode(state: ControlState, id: NodeId): ControlState {
  const old = state.nodes.get(id);
  if (old === undefined) return state;
  const nodes = IdMap.of(state.nodes).without(id);
  const nodeIdByKey = new Map(state.nodeIdByKey);
  nodeIdByKey.delete(old.nodeKey);
  return { ...state, nodes, nodeIdByKey };
}

/** Adds the auth key or replaces the one with its id. */
export function withAuthKey(state: ControlState, key: AuthKeyRecord): ControlState {
  return { ...state, authKeys: new Map(state.authKeys).set(key.id, key) };
}

/** The record of a tailnet, fresh when it has none yet. */
export function tailnetOf(state: ControlState, id: TailnetId): TailnetRecord {
  return state.tailnets.get(id) ?? { id, lastAddressIndex: 0 };
}

/** The state with a record of the tailnet: users and keys may come before its first node. */
export function ensureTailnet(state: ControlState, id: TailnetId): ControlState {
  return state.tailnets.has(id) ? state : withTailnet(state, tailnetOf(state, id));
}

export function withTailnet(state: ControlState, tailnet: TailnetRecord): ControlState {
  return { ...state, tailnets: new Map(state.tailnets).set(tailnet.id, tailnet) };
}

/** Whether a node of the tailnet holds the addresses of an index. Told by their texts: none of thousands is parsed. */
export function indexTaker(state: ControlState, tailnet: TailnetId): (index: number) => boolean {
  const taken = new Set(nodesOf(state, tailnet).map(({ addresses }) => addresses.v4));
  return (index) => taken.has(addressesOf(index).v4);
}
