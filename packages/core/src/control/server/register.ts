/**
 * POST /machine/register, as a pure function from one state to the next.
 *
 *     node key known, other machine      refused (401), never data
 *     node key known, expiry in the past logged out: expired now, or deleted when ephemeral
 *     node key known, expired            NodeKeyExpired: the client makes a new key and repeats
 *     node key known, else               success; an auth key, even a spent one, is not looked at, unless it
 *                                        would give the node another owner and isn't the one it came with
 *     node key unknown, valid auth key   the machine's node of that owner gets the key (rotation, new login),
 *                                        else a new node; a one-shot key is spent in the same step (but lets
 *                                        the machine that spent it a moment ago rotate its node key)
 *     node key unknown, bad auth key     refused in words, in RegisterResponse.Error
 *     node key unknown, no auth key      a person has to approve the login (pending-logins.ts); a new node key of
 *                                        a machine that is a member is no exception
 *
 * OldNodeKey alone means nothing: clients repeat it in every request after their first rotation.
 */
import { CAP_VERSION_MIN } from '../cap-version.js';
import {
  admissionOfKey,
  admitNode,
  isOwnedAlike,
  type RegisterContext,
  refusedTags,
  requestedTags,
  withName,
} from './admission.js';
import { authKeyProblem, findAuthKey } from './auth-keys.js';
import type { RegisterRequest } from './requests.js';
import {
  type AuthKeyRecord,
  type ControlState,
  findNode,
  isExpired,
  type NodeRecord,
  nodesOf,
  TAGGED_USER,
  type UserRecord,
  withAuthKey,
  withNode,
  withoutNode,
} from './state.js';

/**
 * `tailscale up --force-reauth` on a machine that was deleted here registers twice: with its old node key, which
 * makes it known again, and at once with a new one, both with the same auth key. As long as a slow one takes.
 */
const sameLoginMs = 60_000;

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
  /**
   * Undefined with `foreign-key`: answer 401, this machine may not speak for that node key. Undefined with
   * `login-needed`: a person has to approve it first.
   */
  readonly response: WireRegisterResponse | undefined;
  /** What happened, for the log. */
  readonly outcome:
    | 'known'
    | 'joined'
    | 'rotated'
    | 'logged-out'
    | 'expired'
    | 'refused'
    | 'login-needed'
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

/** A refusal in words, sent with HTTP 200. */
export function refusedResponse(text: string): WireRegisterResponse {
  return registerResponse(NOBODY, { MachineAuthorized: false, Error: text });
}

/** Sends the machine's owner to a page. */
export function loginNeededResponse(url: string): WireRegisterResponse {
  return registerResponse(NOBODY, { MachineAuthorized: false, AuthURL: url });
}

function refusal(state: ControlState, text: string): RegisterResult {
  return { state, response: refusedResponse(text), outcome: 'refused' };
}

function ownerOf(state: ControlState, node: NodeRecord): Owner {
  return node.tags.length > 0 ? TAGGED_USER : (state.users.get(node.userId) ?? NOBODY);
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
  if (node.machineKey !== context.machineKey || node.kind !== 'machine') {
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
  const isOther = key !== undefined && key.id !== node.authKeyId && !isOwnedAlike(node, key);
  if (isOther) return admit(state, request, context, node);
  const owned = withAskedTags(state, node, request, context);
  if (typeof owned === 'string') return refusal(state, owned);
  const named = withName(state, owned, request, context);
  // A client may shorten its own life, never lengthen it.
  const isSooner =
    request.expiry !== undefined &&
    (node.keyExpiry === undefined || request.expiry < node.keyExpiry);
  const next = isSooner ? { ...named, keyExpiry: request.expiry } : named;
  const known = next === node ? state : withNode(state, next);
  return { state: known, response: registerResponse(ownerOf(known, next)), outcome: 'known' };
}

/** A person's machine that asks for tags becomes a tagged one, if its user may do that; a text: it may not. */
function withAskedTags(
  state: ControlState,
  node: NodeRecord,
  request: RegisterRequest,
  context: RegisterContext,
): NodeRecord | string {
  const tags = requestedTags(request);
  const user = state.users.get(node.userId);
  if (tags.length === 0 || user === undefined) return node;
  return refusedTags(tags, user, context) ?? { ...node, tags, userId: 0, keyExpiry: undefined };
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
    return { state, response: undefined, outcome: 'login-needed' };
  }
  const key = findAuthKey(state, request.authKey, context.crypto);
  const isRepeated = key !== undefined && isSameLogin(state, key, context);
  const problem = authKeyProblem(isRepeated ? { ...key, usedAt: undefined } : key, context.wall);
  if (key === undefined || problem !== undefined) {
    return refusal(state, problem ?? 'invalid auth key');
  }
  const admission = admissionOfKey(state, key, request, context);
  if (typeof admission === 'string') return refusal(state, admission);
  const spent = withAuthKey(state, { ...key, usedAt: context.wall });
  const admitted = admitNode(spent, request, context, admission, known);
  if (typeof admitted === 'string') return refusal(state, admitted);
  const response = registerResponse(ownerOf(admitted.state, admitted.node));
  return { state: admitted.state, response, outcome: admitted.isNew ? 'joined' : 'rotated' };
}

/** True when the very machine that is asking was made a member with this key just now. */
function isSameLogin(state: ControlState, key: AuthKeyRecord, context: RegisterContext): boolean {
  const { usedAt } = key;
  if (usedAt === undefined || context.wall - usedAt >= sameLoginMs) return false;
  return nodesOf(state, key.tailnet).some(
    (node) =>
      node.machineKey === context.machineKey &&
      node.createdAt === usedAt &&
      node.authKeyId === key.id,
  );
}
