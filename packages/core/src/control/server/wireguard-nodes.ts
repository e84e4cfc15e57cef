/**
 * Nodes that are plain WireGuard: a router, a telephone, a machine without Warren. An operator adds one by its
 * public key; control never hears from it, so it is never online here, and its key doesn't expire by itself.
 */
import type { Endpoint } from '../../ip/address.js';
import { type NodeKey, zeroKey } from '../../keys/keys.js';
import { EndpointType } from '../../netmap/own.js';
import { type RegisterContext, takePlace } from './admission.js';
import { isLabel } from './names.js';
import type { NodeResult } from './node-changes.js';
import {
  type ControlState,
  findNode,
  type NodeRecord,
  nodesOf,
  type TailnetId,
  type UserId,
  withNode,
} from './state.js';

/** What an operator says of it. */
export interface WireGuardOrder {
  readonly tailnet: TailnetId;
  /** Its name, from now on. */
  readonly label: string;
  readonly nodeKey: NodeKey;
  /** Where it is reached; undefined: it comes to the others. */
  readonly endpoint: Endpoint | undefined;
  /** 0: tagged. */
  readonly userId: UserId;
  readonly tags: readonly string[];
}

/** What adding one needs of a server. */
export type WireGuardContext = Pick<RegisterContext, 'baseDomain' | 'random' | 'wall'>;

/** Adds it, or says why not: the name can't be one or is another's, or a node has the key. */
export function addWireGuardNode(
  state: ControlState,
  order: WireGuardOrder,
  context: WireGuardContext,
): NodeResult | 'invalid' | 'taken' | 'known-key' | 'full' {
  const { tailnet, label, nodeKey, userId, tags } = order;
  if (!isLabel(label, context.baseDomain)) return 'invalid';
  if (nodesOf(state, tailnet).some((other) => other.label === label)) return 'taken';
  if (findNode(state, nodeKey) !== undefined) return 'known-key';
  const place = takePlace(state, tailnet, context.random);
  if (typeof place === 'string') return 'full';
  const node: NodeRecord = {
    ...place.identity,
    ...{ kind: 'wireguard', tailnet, userId, tags, label, labelGiven: true, nodeKey },
    machineKey: zeroKey('machine'),
    discoKey: undefined,
    authKeyId: undefined,
    ephemeral: false,
    hostName: label,
    hostInfo: { Hostname: label },
    netInfo: undefined,
    endpoints:
      order.endpoint === undefined ? [] : [{ endpoint: order.endpoint, type: EndpointType.static }],
    approvedRoutes: [],
    capVersion: 0,
    createdAt: context.wall,
    keyExpiry: undefined,
    lastSeen: undefined,
  };
  return { state: withNode(place.state, node), node };
}
