/** Records as operators see them. */
import type { WallTime } from '@warren/core/base/instant';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { authKeyProblem } from '@warren/core/control/server/auth-keys';
import { fullName } from '@warren/core/control/server/names';
import type { NodeRoutes } from '@warren/core/control/server/route-book';
import { announcedRoutes } from '@warren/core/control/server/served-routes';
import {
  type AuthKeyRecord,
  type ControlState,
  isExpired,
  type NodeRecord,
  TAGGED_USER,
  type UserRecord,
} from '@warren/core/control/server/state';
import { belongsTo } from '@warren/core/control/server/users';
import { formatPublicKey } from '@warren/core/keys/keys';
import type { AuthKeyInfo, NodeInfo, UserInfo } from './admin-types.js';

const textOf = (time: WallTime | undefined): string | null =>
  time === undefined ? null : formatRfc3339(time);

export function loginNameOf(
  state: ControlState,
  record: { readonly tags: readonly string[]; readonly userId: number },
): string {
  if (record.tags.length > 0) return TAGGED_USER.loginName;
  return state.users.get(record.userId)?.loginName ?? '';
}

export function authKeyInfo(
  state: ControlState,
  record: AuthKeyRecord,
  wall: WallTime,
): AuthKeyInfo {
  return {
    id: record.id,
    purpose: record.purpose,
    user: loginNameOf(state, record),
    tags: record.tags,
    reusable: record.reusable,
    ephemeral: record.ephemeral,
    createdAt: formatRfc3339(record.createdAt),
    expiresAt: textOf(record.expiresAt),
    usedAt: textOf(record.usedAt),
    usable: authKeyProblem(record, wall) === undefined,
  };
}

export function userInfo(state: ControlState, user: UserRecord, wall: WallTime): UserInfo {
  const keys = [...state.authKeys.values()].filter((key) => belongsTo(key, user));
  return {
    id: user.id,
    name: user.loginName,
    displayName: user.displayName,
    nodes: [...state.nodes.values()].filter((node) => belongsTo(node, user)).length,
    usableKeys: keys.filter((key) => authKeyProblem(key, wall) === undefined).length,
  };
}

export function nodeInfo(
  state: ControlState,
  node: NodeRecord,
  baseDomain: string,
  online: boolean,
  { served, carried }: NodeRoutes,
  wall: WallTime,
): NodeInfo {
  const home = node.netInfo?.['PreferredDERP'];
  return {
    id: node.id,
    kind: node.kind,
    stableId: node.stableId,
    name: fullName(node.label, baseDomain).replace(/\.$/, ''),
    nameGiven: node.labelGiven,
    hostName: node.hostName,
    user: loginNameOf(state, node),
    tags: node.tags,
    addresses: [node.addresses.v4, node.addresses.v6],
    nodeKey: formatPublicKey('node', node.nodeKey),
    machineKey: formatPublicKey('machine', node.machineKey),
    endpoints: node.endpoints.map(({ endpoint }) => endpoint),
    homeRegion: typeof home === 'number' && home > 0 ? home : null,
    routes: {
      announced: announcedRoutes(node.hostInfo),
      approved: node.approvedRoutes,
      served,
      carried,
    },
    ephemeral: node.ephemeral,
    online,
    expired: isExpired(node, wall),
    createdAt: formatRfc3339(node.createdAt),
    lastSeen: textOf(node.lastSeen),
    keyExpiry: textOf(node.keyExpiry),
  };
}
