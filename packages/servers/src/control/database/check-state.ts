/**
 * What must hold between the records of a state, whatever it was read from. A breach is damage: going on with
 * it would give a name, an address or a number to two machines.
 */
import { addressesOf, addressIndex } from '@warren/core/control/server/addresses';
import type { ControlState, NodeRecord, TailnetId } from '@warren/core/control/server/state';
import { damaged } from './record-reader.js';

/** Throws Damage unless the records fit together. */
export function checkState(state: ControlState): void {
  if (state.nodeIdByKey.size !== state.nodes.size) damaged('a node key twice');
  checkCounter(state.nodes.keys(), state.nextNodeId, 'next_node_id');
  checkCounter(state.users.keys(), state.nextUserId, 'next_user_id');
  const seen = new Set<string>();
  const once = (what: string, tailnet: TailnetId, value: string | number): void => {
    const text = `${what} ${tailnet} ${value}`;
    if (seen.has(text)) damaged(`${what} twice: ${value}`);
    seen.add(text);
  };
  for (const user of state.users.values()) once('login name', user.tailnet, user.loginName);
  for (const node of state.nodes.values()) {
    checkAddresses(node);
    once('name', node.tailnet, node.label);
    once('address', node.tailnet, node.addresses.v4);
    once('stable id', '', node.stableId);
  }
  for (const record of [...state.users.values(), ...state.nodes.values()]) {
    if (!state.tailnets.has(record.tailnet)) damaged(`tailnet ${record.tailnet} missing`);
  }
  for (const record of [...state.authKeys.values(), ...state.nodes.values()]) {
    const owner = state.users.get(record.userId);
    const isOwned = record.tags.length > 0 ? record.userId === 0 : owner !== undefined;
    if (!isOwned || (owner !== undefined && owner.tailnet !== record.tailnet)) {
      damaged(`owner ${record.userId} of ${record.id} missing`);
    }
  }
}

function checkCounter(ids: Iterable<number>, next: number, what: string): void {
  for (const id of ids) if (id >= next) damaged(what);
}

/** Both addresses of a node carry the same number and lie in our ranges. */
function checkAddresses({ addresses, id }: NodeRecord): void {
  const index = addressIndex(addresses);
  const isInRange = index >= 0 && index < 2 ** 22;
  if (!isInRange || addressesOf(index).v4 !== addresses.v4) damaged(`address of node ${id}`);
  if (addressesOf(index).v6 !== addresses.v6) damaged(`IPv6 address of node ${id}`);
}
