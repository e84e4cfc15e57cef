/**
 * What a store has to write to get from one state to the next: per table the records to put and the ids to
 * take out. Records are compared by identity, which costs one pointer each.
 *
 * The law, tested as a property: `applyChanges(old, changesBetween(old, next))` equals `next`.
 */
import { IdMap } from '../../base/id-map.js';
import type { NodeKey } from '../../keys/keys.js';
import {
  type AuthKeyRecord,
  type ControlState,
  changedNodes,
  type NodeId,
  type NodeRecord,
  type TailnetId,
  type TailnetRecord,
  type UserId,
  type UserRecord,
} from './state.js';

export interface TableChanges<Id, Entry> {
  /** New and changed records. */
  readonly puts: readonly Entry[];
  readonly deletes: readonly Id[];
}

export interface StateChanges {
  readonly tailnets: TableChanges<TailnetId, TailnetRecord>;
  readonly users: TableChanges<UserId, UserRecord>;
  readonly authKeys: TableChanges<string, AuthKeyRecord>;
  readonly nodes: TableChanges<NodeId, NodeRecord>;
  readonly nextNodeId: NodeId;
  readonly nextUserId: UserId;
}

function tableChanges<Id, Entry>(
  old: ReadonlyMap<Id, Entry>,
  next: ReadonlyMap<Id, Entry>,
): TableChanges<Id, Entry> {
  if (old === next) return { puts: [], deletes: [] };
  const puts: Entry[] = [];
  for (const [id, entry] of next) if (old.get(id) !== entry) puts.push(entry);
  const deletes = [...old.keys()].filter((id) => !next.has(id));
  return { puts, deletes };
}

function nodeChanges(old: ControlState, next: ControlState): StateChanges['nodes'] {
  const ids = [...changedNodes(old, next)];
  return {
    puts: ids.flatMap((id) => next.nodes.get(id) ?? []),
    deletes: ids.filter((id) => !next.nodes.has(id)),
  };
}

/** The changes from `old` to `next`. */
export function changesBetween(old: ControlState, next: ControlState): StateChanges {
  return {
    tailnets: tableChanges(old.tailnets, next.tailnets),
    users: tableChanges(old.users, next.users),
    authKeys: tableChanges(old.authKeys, next.authKeys),
    nodes: nodeChanges(old, next),
    nextNodeId: next.nextNodeId,
    nextUserId: next.nextUserId,
  };
}

function applied<Id, Entry extends { readonly id: Id }>(
  old: ReadonlyMap<Id, Entry>,
  changes: TableChanges<Id, Entry>,
): ReadonlyMap<Id, Entry> {
  if (changes.puts.length === 0 && changes.deletes.length === 0) return old;
  const next = new Map(old);
  for (const id of changes.deletes) next.delete(id);
  for (const entry of changes.puts) next.set(entry.id, entry);
  return next;
}

/** Which node has which key. */
export function indexNodeKeys(
  nodes: ReadonlyMap<NodeId, NodeRecord>,
): ReadonlyMap<NodeKey, NodeId> {
  return new Map([...nodes.values()].map((node) => [node.nodeKey, node.id]));
}

/** The state that `changes` lead to from the one they were taken from. */
export function applyChanges(old: ControlState, changes: StateChanges): ControlState {
  let nodes = IdMap.of(old.nodes);
  for (const id of changes.nodes.deletes) nodes = nodes.without(id);
  for (const node of changes.nodes.puts) nodes = nodes.with(node.id, node);
  return {
    tailnets: applied(old.tailnets, changes.tailnets),
    users: applied(old.users, changes.users),
    authKeys: applied(old.authKeys, changes.authKeys),
    nodes,
    nodeIdByKey: nodes === old.nodes ? old.nodeIdByKey : indexNodeKeys(nodes),
    nextNodeId: changes.nextNodeId,
    nextUserId: changes.nextUserId,
  };
}
