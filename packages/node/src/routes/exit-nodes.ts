/** Exit nodes as people name them and are told of them. */

import { isDefaultRoute } from '@warren/core/ip/prefix';
import { findExitNode } from '@warren/core/netmap/route-choice';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import { fullName } from '../daemon/find-peer.js';
import { NodeError } from '../errors.js';
import type { ExitNodeStatus } from '../local-api/route-report.js';
import type { PlannedRoutes } from './plan-routes.js';

/** Others may use it as their way to the internet. */
export function isExitNode({ exitRoutes = [] }: NetmapNode): boolean {
  return exitRoutes.some(isDefaultRoute);
}

/**
 * The stable id of the peer that a person means; names may be another machine's tomorrow. Without a network map, or
 * for a peer without such an id, the word itself. Throws ROUTES for who is no exit node.
 */
export function exitNodeOf(netmap: Netmap | undefined, wanted: string): string {
  if (netmap === undefined) return wanted;
  const node = findExitNode(netmap, wanted);
  const hint =
    'see `warren exit-node list`; routes have to be approved at the control server first';
  if (node === undefined) {
    throw new NodeError('ROUTES', `there is no peer ${wanted} in this network`, hint);
  }
  if (!isExitNode(node)) throw new NodeError('ROUTES', `${wanted} is no exit node`, hint);
  return node.stableId === '' ? wanted : node.stableId;
}

/** The one that is wanted; undefined: none is. */
export function exitNodeStatus(planned: PlannedRoutes, wanted: string): ExitNodeStatus | undefined {
  const { exit } = planned.chosen;
  if (exit === undefined) return undefined;
  const { node } = exit;
  return {
    wanted,
    name: node === undefined ? null : fullName(node),
    online: node?.online ?? null,
    ipv4: exit.v4,
    ipv6: exit.v6,
  };
}

/** Who has no way out wants to know why. */
export function exitNodeSentences(planned: PlannedRoutes | undefined, wanted: string): string[] {
  const exit = planned?.chosen.exit;
  const end = 'Choose another one, or none with `warren set --exit-node=`.';
  if (exit === undefined) return [];
  if (exit.node === undefined) {
    return [
      `The exit node ${wanted} is not in this network, or is none any more: nothing leaves this machine for the internet. ${end}`,
    ];
  }
  if (exit.node.online === false) {
    return [
      `The exit node ${fullName(exit.node)} is offline: nothing leaves this machine for the internet. ${end}`,
    ];
  }
  return [];
}
