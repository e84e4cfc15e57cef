/** Nodes as policies see them. */
import type { Prefix } from '../../ip/prefix.js';
import type { AccessNode } from '../../policy/access-node.js';
import type { ControlState, NodeRecord } from './state.js';

/** `routes`: what it serves. */
export function accessNodeOf(
  state: ControlState,
  record: NodeRecord,
  routes: readonly Prefix[],
): AccessNode {
  const isTagged = record.tags.length > 0;
  return {
    id: record.id,
    userId: isTagged ? 0 : record.userId,
    login: isTagged ? '' : (state.users.get(record.userId)?.loginName ?? ''),
    tags: record.tags,
    addresses: [record.addresses.v4, record.addresses.v6],
    routes,
  };
}
