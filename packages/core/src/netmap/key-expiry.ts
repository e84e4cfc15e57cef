/**
 * Key expiry as this node judges it. Control should mark expired nodes, but a node whose control is out of
 * reach must not trust an expired key for ever, so the netmap is checked against control's own clock.
 */
import type { WallTime } from '../base/instant.js';
import type { Netmap, NetmapNode } from './types.js';

function isDue(node: NetmapNode, serverTime: WallTime): boolean {
  return !node.expired && node.keyExpiry !== undefined && node.keyExpiry <= serverTime;
}

/** The netmap with every node marked whose key expired by `serverTime`; the same object when none did. */
export function markExpired(netmap: Netmap, serverTime: WallTime): Netmap {
  const due = [...netmap.peers.values()].filter((peer) => isDue(peer, serverTime));
  const isSelfDue = isDue(netmap.self, serverTime);
  if (due.length === 0 && !isSelfDue) return netmap;
  const peers = new Map(netmap.peers);
  for (const peer of due) peers.set(peer.id, { ...peer, expired: true });
  const self = isSelfDue ? { ...netmap.self, expired: true } : netmap.self;
  return { ...netmap, self, peers };
}

/** When the next key expires, by control's clock; undefined: none will. */
export function nextExpiry(netmap: Netmap): WallTime | undefined {
  let next: WallTime | undefined;
  for (const node of [netmap.self, ...netmap.peers.values()]) {
    if (node.expired || node.keyExpiry === undefined) continue;
    if (next === undefined || node.keyExpiry < next) next = node.keyExpiry;
  }
  return next;
}
