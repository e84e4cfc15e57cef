/**
 * What an operator changes about a node that has joined: its name, its owner or tags, how long its key is good for,
 * which routes it may serve.
 */
import type { WallTime } from '../../base/instant.js';
import type { Prefix } from '../../ip/prefix.js';
import { isLabel } from './names.js';
import {
  type ControlState,
  isExpired,
  type NodeId,
  type NodeRecord,
  nodesOf,
  type UserId,
  withNode,
} from './state.js';
import { derivedLabel } from './update.js';

export interface NodeResult {
  /** The same object when nothing changed. */
  readonly state: ControlState;
  readonly node: NodeRecord;
}

function changed(state: ControlState, old: NodeRecord, next: NodeRecord): NodeResult {
  return next === old ? { state, node: old } : { state: withNode(state, next), node: next };
}

/**
 * Calls a node `label`, whatever its host name becomes; undefined: by its host name again. Strict: a name
 * that can't be one or is another's is refused, never mended.
 */
export function renameNode(
  state: ControlState,
  id: NodeId,
  label: string | undefined,
  baseDomain: string,
): NodeResult | 'unknown' | 'invalid' | 'taken' {
  const node = state.nodes.get(id);
  if (node === undefined) return 'unknown';
  if (label === undefined) {
    if (!node.labelGiven) return { state, node };
    const derived = derivedLabel(state, node, node.hostName, baseDomain);
    return changed(state, node, { ...node, label: derived, labelGiven: false });
  }
  if (!isLabel(label, baseDomain)) return 'invalid';
  const isTaken = nodesOf(state, node.tailnet).some(
    (other) => other.id !== id && other.label === label,
  );
  if (isTaken) return 'taken';
  const isSame = node.label === label && node.labelGiven;
  return changed(state, node, isSame ? node : { ...node, label, labelGiven: true });
}

/** Ends a node's key at `at`, now for instance: it has to log in again. Undefined: it never ends. */
export function expireNode(
  state: ControlState,
  id: NodeId,
  at: WallTime | undefined,
): NodeResult | 'unknown' {
  const node = state.nodes.get(id);
  if (node === undefined) return 'unknown';
  return changed(state, node, node.keyExpiry === at ? node : { ...node, keyExpiry: at });
}

/** Lets a node serve these routes and no others, when it announces them. */
export function approveRoutes(
  state: ControlState,
  id: NodeId,
  routes: readonly Prefix[],
): NodeResult | 'unknown' {
  const node = state.nodes.get(id);
  if (node === undefined) return 'unknown';
  const approvedRoutes = [...new Set(routes)].sort();
  const isSame = JSON.stringify(node.approvedRoutes) === JSON.stringify(approvedRoutes);
  return changed(state, node, isSame ? node : { ...node, approvedRoutes });
}

/**
 * Gives a node tags: it belongs to nobody then, and its key doesn't expire. Without tags it goes (back) to a
 * user, who has to be named.
 */
export function tagNode(
  state: ControlState,
  id: NodeId,
  tags: readonly string[],
  owner: UserId | undefined,
  wall: WallTime,
): NodeResult | 'unknown' | 'no-owner' {
  const node = state.nodes.get(id);
  if (node === undefined) return 'unknown';
  if (tags.length > 0) {
    if (JSON.stringify(node.tags) === JSON.stringify(tags)) return { state, node };
    // A key that has ended stays so: tags let nobody in.
    const endsLater = node.tags.length === 0 && !isExpired(node, wall);
    const keyExpiry = endsLater ? undefined : node.keyExpiry;
    return changed(state, node, { ...node, tags, userId: 0, keyExpiry });
  }
  if (owner === undefined) return 'no-owner';
  const isSame = node.tags.length === 0 && node.userId === owner;
  return changed(state, node, isSame ? node : { ...node, tags, userId: owner });
}
