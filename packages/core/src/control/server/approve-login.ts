/**
 * A person lets in a machine that waits for it: an operator by naming its owner, or whoever has an approval code,
 * which names one. The node stands when this is done; the machine learns of it at its next request.
 */
import {
  type Admission,
  type Admitted,
  admissionOfKey,
  admissionOfUser,
  admitNode,
  type RegisterContext,
} from './admission.js';
import { authKeyProblem, findApprovalCode } from './auth-keys.js';
import type { RegisterRequest } from './requests.js';
import {
  type AuthKeyRecord,
  type ControlState,
  findNode,
  type TailnetId,
  type UserId,
  withAuthKey,
} from './state.js';
import { ensureUser } from './users.js';

export type Approver =
  | {
      readonly type: 'operator';
      readonly tailnet: TailnetId;
      /** The owner; made when new. */
      readonly loginName: string;
      readonly displayName: string;
    }
  /** As a person typed it. */
  | { readonly type: 'code'; readonly code: string };

export interface ApprovalRefusal {
  /** `code`: what was typed is no usable code, and a guess may have been. */
  readonly reason: 'code' | 'owner' | 'tags' | 'node-key' | 'full';
  /** In words. */
  readonly text: string;
}

/** Lets in the machine whose `request` waits; `context.machineKey` is the key that it proved then. */
export function approveLogin(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  approver: Approver,
): Admitted | ApprovalRefusal {
  const opened = open(state, request, context, approver);
  if ('reason' in opened) return opened;
  const known = findNode(state, request.nodeKey);
  if (known !== undefined) {
    // It came in with an auth key in the meantime: nothing is spent.
    if (known.machineKey === context.machineKey) return { state, node: known, isNew: false };
    return { reason: 'node-key', text: 'this node key belongs to another machine' };
  }
  const admitted = admitNode(opened.state, request, context, opened.admission);
  return typeof admitted === 'string' ? { reason: 'full', text: admitted } : admitted;
}

/** Who it comes in as, with the code spent or the user made. */
function open(
  state: ControlState,
  request: RegisterRequest,
  context: RegisterContext,
  approver: Approver,
): { readonly state: ControlState; readonly admission: Admission } | ApprovalRefusal {
  if (approver.type === 'operator') {
    const { tailnet, loginName, displayName } = approver;
    const owned = ensureUser(state, tailnet, loginName, displayName);
    const admission = admissionOfUser(owned.user, request, context);
    if (typeof admission === 'string') return { reason: 'tags', text: admission };
    return { state: owned.state, admission };
  }
  const code = usableCode(state, approver.code, context);
  if ('reason' in code) return code;
  const admission = admissionOfKey(state, code, request, context);
  if (typeof admission === 'string') return { reason: 'tags', text: admission };
  return { state: withAuthKey(state, { ...code, usedAt: context.wall }), admission };
}

function usableCode(
  state: ControlState,
  typed: string,
  { crypto, wall }: Pick<RegisterContext, 'crypto' | 'wall'>,
): AuthKeyRecord | ApprovalRefusal {
  const code = findApprovalCode(state, typed, crypto);
  const problem = authKeyProblem(code, wall, 'approval code');
  if (code !== undefined && problem === undefined) return code;
  return { reason: 'code', text: problem ?? 'invalid approval code' };
}

/** Uses a code for something of `owner`'s: another user's code is none for it, and stays unspent. */
export function spendCode(
  state: ControlState,
  typed: string,
  owner: UserId,
  context: Pick<RegisterContext, 'crypto' | 'wall'>,
): { readonly state: ControlState } | ApprovalRefusal {
  const code = usableCode(state, typed, context);
  if ('reason' in code) return code;
  if (code.userId !== owner) return { reason: 'owner', text: "this code is another user's" };
  return { state: withAuthKey(state, { ...code, usedAt: context.wall }) };
}
