/**
 * Who a machine comes in as, and the node it then is: the one it was, or a new one.
 *
 *     auth key, approval code      owner and tags of the key; tags that the machine asks for are granted by
 *                                  policy to the key's user, refused, or ignored when the key has its own
 *     approval by an operator      the user that he names, and tags likewise
 *
 *     the machine's node by its OldNodeKey, else its node of the same owner: keeps id, addresses and name
 *     none                         a new node
 */
import type { WallTime } from '../../base/instant.js';
import type { MachineKey } from '../../keys/keys.js';
import type { Crypto, Random } from '../../ports.js';
import { randomLabel } from '../random-label.js';
import { addressesOf, allocateIndex } from './addresses.js';
import { isTag } from './auth-keys.js';
import { dnsLabel, uniqueLabel } from './names.js';
import type { RegisterRequest } from './requests.js';
import {
  type AuthKeyRecord,
  type ControlState,
  findNode,
  indexTaker,
  type NodeRecord,
  nodesMax,
  nodesOf,
  type TailnetId,
  tailnetOf,
  type UserId,
  type UserRecord,
  withNode,
  withTailnet,
} from './state.js';
import { relabel } from './update.js';

/** 12 of 36 characters: apps file nodes by this id, also across servers. */
const STABLE_ID_CHARACTERS = 12;

/** Whether a user may give its machines a tag; policy says so. */
export type MayTag = (user: UserRecord, tag: string) => boolean;

/** What a registration is judged with, besides the request. */
export interface RegisterContext {
  /** The machine that asks, proven by its Noise session. */
  readonly machineKey: MachineKey;
  readonly baseDomain: string;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly wall: WallTime;
  /** How long a node key of a person's machine is good for; absent: for ever. Tagged ones never expire. */
  readonly nodeKeyLifeMs?: number | undefined;
  /** Absent: nobody may. */
  readonly mayTag?: MayTag | undefined;
}

/** Owner and kind of a node. */
export interface Admission {
  readonly tailnet: TailnetId;
  /** 0: tagged. */
  readonly userId: UserId;
  readonly tags: readonly string[];
  readonly ephemeral: boolean;
  readonly authKeyId: string | undefined;
}

/** What a machine that comes with a key, or is approved with a code, will be; a text: why not. */
export function admissionOfKey(
  state: ControlState,
  key: AuthKeyRecord,
  request: RegisterRequest,
  context: RegisterContext,
): Admission | string {
  const { tailnet, userId, tags, ephemeral } = key;
  const own = { tailnet, userId, tags, ephemeral, authKeyId: key.id };
  const user = state.users.get(userId);
  return tags.length > 0 || user === undefined
    ? own
    : withRequestedTags(own, user, request, context);
}

/** What a user's machine will be; a text: why not. */
export function admissionOfUser(
  user: UserRecord,
  request: RegisterRequest,
  context: RegisterContext,
): Admission | string {
  const { tailnet, id: userId } = user;
  const own = { tailnet, userId, tags: [], ephemeral: false, authKeyId: undefined };
  return withRequestedTags(own, user, request, context);
}

function withRequestedTags(
  own: Admission,
  user: UserRecord,
  request: RegisterRequest,
  context: RegisterContext,
): Admission | string {
  const asked = requestedTags(request);
  if (asked.length === 0) return own;
  return refusedTags(asked, user, context) ?? { ...own, userId: 0, tags: asked };
}

/** Tags that a machine asks for, each once. */
export function requestedTags(request: RegisterRequest): readonly string[] {
  return [...new Set(request.host?.requestTags ?? [])].sort();
}

/** Why a user may not give these tags; undefined: it may. */
export function refusedTags(
  tags: readonly string[],
  user: UserRecord,
  context: RegisterContext,
): string | undefined {
  const refused = tags.filter((tag) => !isTag(tag) || context.mayTag?.(user, tag) !== true);
  return refused.length === 0
    ? undefined
    : `requested tags are not permitted: ${refused.join(', ')}`;
}

/** True when both belong to the same user, or carry the same tags. */
export function isOwnedAlike(
  node: NodeRecord,
  owned: Pick<Admission, 'tailnet' | 'userId' | 'tags'>,
): boolean {
  return (
    node.tailnet === owned.tailnet &&
    node.userId === owned.userId &&
    JSON.stringify(node.tags) === JSON.stringify(owned.tags)
  );
}

export interface Admitted {
  readonly state: ControlState;
  readonly node: NodeRecord;
  /** The machine had no such node before. */
  readonly isNew: boolean;
}

/** Lets the machine in: `known` is its present node when only the owner changes. A text: why it can't be. */
export function admitNode(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  admission: Admission,
  known?: NodeRecord,
): Admitted | string {
  const old = known ?? formerNode(state, request, context, admission);
  const begun =
    old === undefined ? newNode(state, request, context, admission) : { state, node: old };
  if (typeof begun === 'string') return begun;
  const node: NodeRecord = {
    ...withName(begun.state, begun.node, request, context),
    nodeKey: request.nodeKey,
    userId: admission.userId,
    tags: admission.tags,
    authKeyId: admission.authKeyId,
    ephemeral: admission.ephemeral || request.ephemeral,
    capVersion: request.version,
    keyExpiry: firstExpiry(request, context, admission.tags.length > 0),
  };
  return { state: withNode(begun.state, node), node, isNew: old === undefined };
}

/** When a fresh node key ends: as the server has it, or sooner when the machine asks for that. */
function firstExpiry(
  { expiry }: RegisterRequest,
  { wall, nodeKeyLifeMs }: RegisterContext,
  isTagged: boolean,
): WallTime | undefined {
  const own =
    isTagged || nodeKeyLifeMs === undefined ? undefined : ((wall + nodeKeyLifeMs) as WallTime);
  const asked = expiry !== undefined && expiry > wall ? expiry : undefined;
  if (own === undefined || asked === undefined) return own ?? asked;
  return asked < own ? asked : own;
}

/** Its new name already in its first map: an update would tell it only after that. */
export function withName(
  state: ControlState,
  node: NodeRecord,
  request: RegisterRequest,
  context: RegisterContext,
): NodeRecord {
  const { hostName = '' } = request.host ?? {};
  if (hostName === '' || hostName === node.hostName) return node;
  return { ...node, hostName, label: relabel(state, node, hostName, context.baseDomain) };
}

/** The node that this machine had before: named by its old key, or of the same owner. */
function formerNode(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  admission: Admission,
): NodeRecord | undefined {
  const isOurs = (node: NodeRecord): boolean =>
    node.machineKey === context.machineKey && node.tailnet === admission.tailnet;
  const old = request.oldNodeKey === undefined ? undefined : findNode(state, request.oldNodeKey);
  if (old !== undefined && isOurs(old)) return old;
  return nodesOf(state, admission.tailnet).find(
    (node) => isOurs(node) && isOwnedAlike(node, admission),
  );
}

/** What a new node has that none had before it. */
export type NodeIdentity = Pick<NodeRecord, 'id' | 'stableId' | 'addresses'>;

/** An id and addresses for another node, taken in `state`; a text: why there are none. */
export function takePlace(
  state: ControlState,
  tailnetId: TailnetId,
  random: Random,
): { readonly state: ControlState; readonly identity: NodeIdentity } | string {
  if (state.nodes.size >= nodesMax) return 'this network is full: remove unused machines';
  const tailnet = tailnetOf(state, tailnetId);
  const index = allocateIndex(tailnet.lastAddressIndex, indexTaker(state, tailnetId));
  if (index === undefined) return 'this network has no free address: remove unused machines';
  const identity = {
    id: state.nextNodeId,
    stableId: `n${randomLabel(random, STABLE_ID_CHARACTERS)}`,
    addresses: addressesOf(index),
  };
  const counted = { ...state, nextNodeId: state.nextNodeId + 1 };
  return { state: withTailnet(counted, { ...tailnet, lastAddressIndex: index }), identity };
}

/** A fresh node with its addresses and name, or why there can't be one. */
function newNode(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  admission: Admission,
): { readonly state: ControlState; readonly node: NodeRecord } | string {
  const place = takePlace(state, admission.tailnet, context.random);
  if (typeof place === 'string') return place;
  const labels = new Set(nodesOf(state, admission.tailnet).map((node) => node.label));
  const hostName = request.host?.hostName ?? '';
  const node: NodeRecord = {
    ...admission,
    ...place.identity,
    kind: 'machine',
    machineKey: context.machineKey,
    nodeKey: request.nodeKey,
    discoKey: undefined,
    label: uniqueLabel(dnsLabel(hostName), context.baseDomain, (label) => labels.has(label)),
    labelGiven: false,
    hostName,
    hostInfo: request.host?.hostInfo ?? {},
    netInfo: request.host?.netInfo,
    endpoints: [],
    approvedRoutes: [],
    capVersion: request.version,
    createdAt: context.wall,
    keyExpiry: undefined,
    lastSeen: undefined,
  };
  return { state: place.state, node };
}
