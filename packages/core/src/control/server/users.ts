/**
 * Users: who owns nodes and auth keys. A user is named by its login name, which is unique in its tailnet and
 * may change; the number stays, and is never used again.
 */
import {
  type AuthKeyRecord,
  type ControlState,
  ensureTailnet,
  type NodeRecord,
  type TailnetId,
  type UserId,
  type UserRecord,
} from './state.js';

/** Users of one server: as many as nodes would be plenty. */
export const usersMax = 20_000;

export interface UserResult {
  readonly state: ControlState;
  readonly user: UserRecord;
}

export function findUser(
  state: ControlState,
  tailnet: TailnetId,
  loginName: string,
): UserRecord | undefined {
  // People and identity providers spell one name in any case: Ann and ann are not two owners.
  const wanted = loginName.toLowerCase();
  for (const user of state.users.values()) {
    if (user.tailnet === tailnet && user.loginName.toLowerCase() === wanted) return user;
  }
  return undefined;
}

/** The user with a login name, made when there is none. */
export function ensureUser(
  state: ControlState,
  tailnet: TailnetId,
  loginName: string,
  displayName: string,
): UserResult {
  const known = findUser(state, tailnet, loginName);
  if (known !== undefined) return { state, user: known };
  const user: UserRecord = { id: state.nextUserId, tailnet, loginName, displayName };
  const next = { ...withUser(state, user), nextUserId: state.nextUserId + 1 };
  return { state: ensureTailnet(next, tailnet), user };
}

/** Makes a user; a string says why not. */
export function createUser(
  state: ControlState,
  tailnet: TailnetId,
  loginName: string,
  displayName: string,
): UserResult | 'taken' | 'full' {
  if (findUser(state, tailnet, loginName) !== undefined) return 'taken';
  if (state.users.size >= usersMax) return 'full';
  return ensureUser(state, tailnet, loginName, displayName);
}

/** Gives a user other names; a string says why not. */
export function renameUser(
  state: ControlState,
  id: UserId,
  loginName: string,
  displayName: string,
): UserResult | 'unknown' | 'taken' {
  const user = state.users.get(id);
  if (user === undefined) return 'unknown';
  const holder = findUser(state, user.tailnet, loginName);
  if (holder !== undefined && holder.id !== id) return 'taken';
  const isSame = user.loginName === loginName && user.displayName === displayName;
  const renamed = isSame ? user : { ...user, loginName, displayName };
  return { state: isSame ? state : withUser(state, renamed), user: renamed };
}

/** Forgets a user with its auth keys; one that owns nodes stays. */
export function deleteUser(state: ControlState, id: UserId): UserResult | 'unknown' | 'owns-nodes' {
  const user = state.users.get(id);
  if (user === undefined) return 'unknown';
  if ([...state.nodes.values()].some((node) => belongsTo(node, user))) return 'owns-nodes';
  const users = new Map(state.users);
  users.delete(id);
  const authKeys = new Map([...state.authKeys].filter(([, key]) => !belongsTo(key, user)));
  return { state: { ...state, users, authKeys }, user };
}

/** True unless the node or key is another's, or tagged. */
export function belongsTo(
  record: Pick<NodeRecord | AuthKeyRecord, 'tailnet' | 'userId'>,
  user: UserRecord,
): boolean {
  return record.tailnet === user.tailnet && record.userId === user.id;
}

function withUser(state: ControlState, user: UserRecord): ControlState {
  return { ...state, users: new Map(state.users).set(user.id, user) };
}
