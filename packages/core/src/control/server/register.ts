/**
 * POST /machine/register, as a pure function from one state to the next.
 *
 *     node key known, other machine      refused (401), never data
 *     node key known, expiry in the past logged out: expired now, or deleted when ephemeral
 *     node key known, expired            NodeKeyExpired: the client makes a new key and repeats
 *     node key known, else               success; an auth key, even a spent one, is not looked at,
 *                                        unless it would give the node another owner
 *     node key unknown, valid auth key   the machine's node of that owner gets the key (rotation, new login),
 *                                        else a new node; a one-shot key is spent in the same step (but lets
 *                                        the machine that spent it a moment ago rotate its node key)
 *     node key unknown, else             refused in words, in RegisterResponse.Error
 *
 * OldNodeKey alone means nothing: clients repeat it in every request after their first rotation.
 */
import type { WallTime } from '../../base/instant.js';
import type { MachineKey } from '../../keys/keys.js';
import type { Crypto, Random } from '../../ports.js';
import { CAP_VERSION_MIN } from '../cap-version.js';
import { randomLabel } from '../random-label.js';
import { addressesOf, allocateIndex } from './addresses.js';
import { authKeyProblem, findAuthKey } from './auth-keys.js';
import { dnsLabel, uniqueLabel } from './names.js';
import type { RegisterRequest } from './requests.js';
import {
  type AuthKeyRecord,
  type ControlState,
  findNode,
  isExpired,
  type NodeRecord,
  nodesMax,
  nodesOf,
  TAGGED_USER,
  tailnetOf,
  takenIndexes,
  type UserRecord,
  withAuthKey,
  withNode,
  withoutNode,
  withTailnet,
} from './state.js';
import { relabel } from './update.js';

/**
 * `tailscale up --force-reauth` on a machine that was deleted here registers twice: with its old node key, which
 * makes it known again, and at once with a new one, both with the same auth key. As long as a slow one takes.
 */
const sameLoginMs = 60_000;

/** 12 of 36 characters: apps file nodes by this id, also across servers. */
const STABLE_ID_CHARACTERS = 12;

export interface RegisterContext {
  readonly machineKey: MachineKey;
  readonly baseDomain: string;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly wall: WallTime;
}

/** The wire's answer; field order is the wire's. */
export interface WireRegisterResponse {
  readonly User: { readonly ID: number; readonly DisplayName: string };
  readonly Login: {
    readonly ID: number;
    readonly Provider: string;
    readonly LoginName: string;
    readonly DisplayName: string;
  };
  readonly NodeKeyExpired: boolean;
  readonly MachineAuthorized: boolean;
  readonly AuthURL: string;
  readonly NodeKeySignature: null;
  readonly Error: string;
}

export interface RegisterResult {
  /** The same object when nothing changed. */
  readonly state: ControlState;
  /** Undefined: answer 401, this machine may not speak for that node key. */
  readonly response: WireRegisterResponse | undefined;
  /** What happened, for the log. */
  readonly outcome:
    | 'known'
    | 'joined'
    | 'rotated'
    | 'logged-out'
    | 'expired'
    | 'refused'
    | 'foreign-key';
}

type Owner = Pick<UserRecord, 'id' | 'loginName' | 'displayName'>;

/** The answer for a user; the fields that differ come in `changes`. */
export function registerResponse(
  owner: Owner,
  changes: Partial<WireRegisterResponse> = {},
): WireRegisterResponse {
  return {
    User: { ID: owner.id, DisplayName: owner.displayName },
    Login: {
      ID: owner.id,
      Provider: '',
      LoginName: owner.loginName,
      DisplayName: owner.displayName,
    },
    NodeKeyExpired: false,
    MachineAuthorized: true,
    AuthURL: '',
    NodeKeySignature: null,
    Error: '',
    ...changes,
  };
}

const NOBODY: Owner = { id: 0, loginName: '', displayName: '' };

function refusal(state: ControlState, text: string): RegisterResult {
  const response = registerResponse(NOBODY, { MachineAuthorized: false, Error: text });
  return { state, response, outcome: 'refused' };
}

function ownerOf(state: ControlState, node: NodeRecord): Owner {
  return node.tags.length > 0 ? TAGGED_USER : (state.users.get(node.userId) ?? NOBODY);
}

/** True when nodes of the key belong to the same user, or carry the same tags. */
function isOwnedAlike(node: NodeRecord, key: AuthKeyRecord): boolean {
  return (
    node.tailnet === key.tailnet &&
    node.userId === key.userId &&
    JSON.stringify(node.tags) === JSON.stringify(key.tags)
  );
}

/** Handles one request. The caller serialises calls and makes the new state durable before it answers. */
export function register(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
): RegisterResult {
  if (request.version < CAP_VERSION_MIN) {
    const text = `this client is too old: capability version ${request.version}, needed is`;
    return refusal(state, `${text} ${CAP_VERSION_MIN} or newer; upgrade it`);
  }
  const node = findNode(state, request.nodeKey);
  if (node === undefined) return admit(state, request, context, undefined);
  if (node.machineKey !== context.machineKey) {
    return { state, response: undefined, outcome: 'foreign-key' };
  }
  if (request.expiry !== undefined && request.expiry <= context.wall) {
    return logOut(state, node, context);
  }
  if (isExpired(node, context.wall)) {
    const response = registerResponse(ownerOf(state, node), { NodeKeyExpired: true });
    return { state, response, outcome: 'expired' };
  }
  return refresh(state, node, request, context);
}

function logOut(state: ControlState, node: NodeRecord, context: RegisterContext): RegisterResult {
  const next = node.ephemeral
    ? withoutNode(state, node.id)
    : withNode(state, { ...node, keyExpiry: context.wall });
  const response = registerResponse(ownerOf(state, node), {
    NodeKeyExpired: true,
    MachineAuthorized: false,
  });
  return { state: next, response, outcome: 'logged-out' };
}

/** A known, valid node says hello again, for instance at every start of a container with its spent key. */
function refresh(
  state: ControlState,
  node: NodeRecord,
  request: RegisterRequest,
  context: RegisterContext,
): RegisterResult {
  const key =
    request.authKey === undefined ? undefined : findAuthKey(state, request.authKey, context.crypto);
  if (key !== undefined && !isOwnedAlike(node, key)) return admit(state, request, context, node);
  // A client may shorten its own life, never lengthen it.
  const isSooner =
    request.expiry !== undefined &&
    (node.keyExpiry === undefined || request.expiry < node.keyExpiry);
  const named = withName(state, node, request, context);
  const next = isSooner ? { ...named, keyExpiry: request.expiry } : named;
  return {
    state: next === node ? state : withNode(state, next),
    response: registerResponse(ownerOf(state, node)),
    outcome: 'known',
  };
}

/** Its new name already in its first map: an update would tell it only after that. */
function withName(
  state: ControlState,
  node: NodeRecord,
  request: RegisterRequest,
  context: RegisterContext,
): NodeRecord {
  const { hostName = '' } = request.host ?? {};
  if (hostName === '' || hostName === node.hostName) return node;
  return { ...node, hostName, label: relabel(state, node, hostName, context.baseDomain) };
}

/** Lets a machine in by its auth key: `known` is its present node when only the owner changes. */
function admit(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  known: NodeRecord | undefined,
): RegisterResult {
  if (request.expiry !== undefined && request.expiry <= context.wall) {
    return refusal(state, 'this node is not known here: there is nothing to log out');
  }
  if (request.authKey === undefined) {
    return refusal(
      state,
      'auth key required: make one on the hub with `warren control keys create`',
    );
  }
  const key = findAuthKey(state, request.authKey, context.crypto);
  const isRepeated = key !== undefined && isSameLogin(state, key, context);
  const problem = authKeyProblem(isRepeated ? { ...key, usedAt: undefined } : key, context.wall);
  if (key === undefined || problem !== undefined) {
    return refusal(state, problem ?? 'invalid auth key');
  }
  const asked = request.host?.requestTags ?? [];
  if (key.tags.length === 0 && asked.length > 0) {
    return refusal(state, `requested tags are not permitted: ${asked.join(', ')}`);
  }
  const old = known ?? formerNode(state, request, context, key);
  const admitted = old === undefined ? newNode(state, request, context, key) : { state, node: old };
  if (typeof admitted === 'string') return refusal(state, admitted);
  const node: NodeRecord = {
    ...withName(admitted.state, admitted.node, request, context),
    nodeKey: request.nodeKey,
    userId: key.userId,
    tags: key.tags,
    ephemeral: key.ephemeral || request.ephemeral,
    capVersion: request.version,
    keyExpiry:
      request.expiry !== undefined && request.expiry > context.wall ? request.expiry : undefined,
  };
  const spent = withAuthKey(admitted.state, { ...key, usedAt: context.wall });
  const next = withNode(spent, node);
  const response = registerResponse(ownerOf(next, node));
  return { state: next, response, outcome: old === undefined ? 'joined' : 'rotated' };
}

/** True when the very machine that is asking was made a member with this key just now. */
function isSameLogin(state: ControlState, key: AuthKeyRecord, context: RegisterContext): boolean {
  const { usedAt } = key;
  if (usedAt === undefined || context.wall - usedAt >= sameLoginMs) return false;
  return nodesOf(state, key.tailnet).some(
    (node) =>
      node.machineKey === context.machineKey &&
      node.createdAt === usedAt &&
      isOwnedAlike(node, key),
  );
}

/** The node that this machine had before: named by its old key, or of the same owner. */
function formerNode(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  key: AuthKeyRecord,
): NodeRecord | undefined {
  const isOurs = (node: NodeRecord): boolean =>
    node.machineKey === context.machineKey && node.tailnet === key.tailnet;
  const old = request.oldNodeKey === undefined ? undefined : findNode(state, request.oldNodeKey);
  if (old !== undefined && isOurs(old)) return old;
  return nodesOf(state, key.tailnet).find((node) => isOurs(node) && isOwnedAlike(node, key));
}

/** A fresh node with its addresses and name, or why there can't be one. */
function newNode(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  key: AuthKeyRecord,
): { readonly state: ControlState; readonly node: NodeRecord } | string {
  if (state.nodes.size >= nodesMax) return 'this network is full: remove unused machines';
  const tailnet = tailnetOf(state, key.tailnet);
  const taken = takenIndexes(state, key.tailnet);
  const index = allocateIndex(tailnet.lastAddressIndex, (candidate) => taken.has(candidate));
  if (index === undefined) return 'this network has no free address: remove unused machines';
  const labels = new Set(nodesOf(state, key.tailnet).map((node) => node.label));
  const hostName = request.host?.hostName ?? '';
  const node: NodeRecord = {
    id: state.nextNodeId,
    stableId: `n${randomLabel(context.random, STABLE_ID_CHARACTERS)}`,
    tailnet: key.tailnet,
    machineKey: context.machineKey,
    nodeKey: request.nodeKey,
    discoKey: undefined,
    userId: key.userId,
    tags: key.tags,
    ephemeral: key.ephemeral,
    addresses: addressesOf(index),
    label: uniqueLabel(dnsLabel(hostName), context.baseDomain, (label) => labels.has(label)),
    labelGiven: false,
    hostName,
    hostInfo: request.host?.hostInfo ?? {},
    netInfo: request.host?.netInfo,
    endpoints: [],
    capVersion: request.version,
    createdAt: context.wall,
    keyExpiry: undefined,
    lastSeen: undefined,
  };
  const counted = { ...state, nextNodeId: state.nextNodeId + 1 };
  return { state: withTailnet(counted, { ...tailnet, lastAddressIndex: index }), node };
}
