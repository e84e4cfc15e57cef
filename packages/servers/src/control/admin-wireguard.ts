/** What an operator does about plain WireGuard machines: adds one, and gets the file that it joins with. */

import type { ControlState, NodeId, NodeRecord } from '@warren/core/control/server/state';
import { ensureUser } from '@warren/core/control/server/users';
import { wireguardConfig } from '@warren/core/control/server/wireguard-config';
import { addWireGuardNode } from '@warren/core/control/server/wireguard-nodes';
import { type Endpoint, endpointPort, parseEndpoint } from '@warren/core/ip/address';
import { parseWireGuardKey } from '@warren/core/keys/wireguard-key';
import type { WireNode } from '@warren/core/netmap/wire';
import type { Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { ControlError } from '../errors.js';
import { checkTags, checkUserNames, invalid, TAILNET, USER_DEFAULT } from './admin-input.js';
import type { NodeInfo, WireGuardInfo, WireGuardRequest } from './admin-types.js';
import type { StateStore } from './state-store.js';

export interface WireGuardAdminOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly store: StateStore;
  readonly baseDomain: string;
  /** What a node sees now. */
  readonly peersOf: (node: NodeId) => ReadonlyMap<NodeId, WireNode>;
}

export class WireGuardAdmin {
  readonly #options: WireGuardAdminOptions;
  readonly #nodeInfo: (state: ControlState, node: NodeRecord) => NodeInfo;

  constructor(
    options: WireGuardAdminOptions,
    nodeInfo: (state: ControlState, node: NodeRecord) => NodeInfo,
  ) {
    this.#options = options;
    this.#nodeInfo = nodeInfo;
  }

  /** Adds a machine; its peers know it when this resolves. */
  async add(request: WireGuardRequest): Promise<WireGuardInfo> {
    const { store, baseDomain, clock, random } = this.#options;
    const { name } = request;
    const nodeKey = parseWireGuardKey(request.publicKey);
    if (nodeKey === undefined) {
      throw invalid(
        'that is no public key of WireGuard',
        'Give what `wg pubkey` prints: 44 characters, the last of them =.',
      );
    }
    const endpoint = checkEndpoint(request.endpoint);
    const tags = checkTags(request.tags ?? []);
    if (tags.length > 0 && request.user !== undefined) {
      throw invalid('a machine with tags belongs to nobody', 'Give tags or a user, not both.');
    }
    const names = checkUserNames(request.user ?? USER_DEFAULT, baseDomain, undefined);
    const node = await store.change((state) => {
      const owned =
        tags.length > 0
          ? { state, user: undefined }
          : ensureUser(state, TAILNET, names.loginName, names.displayName);
      const userId = owned.user?.id ?? 0;
      const order = { tailnet: TAILNET, label: name, nodeKey, endpoint, userId, tags };
      const added = addWireGuardNode(owned.state, order, {
        ...{ baseDomain, random, wall: clock.wall() },
      });
      if (typeof added === 'string') throw refusal(added, name);
      return { state: added.state, result: added.node };
    });
    return this.#infoOf(node);
  }

  /** The file of a machine, as it would be written now. */
  config(id: NodeId): WireGuardInfo {
    const node = this.#options.store.state.nodes.get(id);
    if (node === undefined) {
      throw new ControlError(
        'NODE_UNKNOWN',
        `there is no node ${id}`,
        'List them with `warren control nodes list`.',
      );
    }
    if (node.kind === 'wireguard') return this.#infoOf(node);
    throw invalid(
      `${node.label} runs Warren or a stock client, not plain WireGuard`,
      'Files are for machines that `warren control nodes add-wireguard` added.',
    );
  }

  #infoOf(node: NodeRecord): WireGuardInfo {
    const { store, baseDomain, peersOf } = this.#options;
    const { state } = store;
    const peers = [...peersOf(node.id)].flatMap(([id, shown]) => {
      const record = state.nodes.get(id);
      return record === undefined || shown.Expired === true ? [] : [{ record, shown }];
    });
    return { node: this.#nodeInfo(state, node), config: wireguardConfig(node, peers, baseDomain) };
  }
}

function checkEndpoint(text: string | undefined): Endpoint | undefined {
  if (text === undefined) return undefined;
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined && endpointPort(endpoint) > 0) return endpoint;
  throw invalid(
    `${JSON.stringify(text)} is no endpoint`,
    'Give an address and a port: 203.0.113.7:51820, [2001:db8::7]:51820.',
  );
}

function refusal(reason: string, name: string): ControlError {
  switch (reason) {
    case 'invalid':
      return invalid(
        `${JSON.stringify(name)} can't be a machine's name`,
        'Use lower-case letters, digits and hyphens, at most 63: printer-2.',
      );
    case 'taken':
      return new ControlError(
        'NODE_NAME_TAKEN',
        `another machine is called ${name}`,
        'Rename that one first, or choose another name.',
      );
    case 'known-key':
      return new ControlError(
        'NODE_KEY_TAKEN',
        'another machine has that public key',
        'Make a key pair for each machine: wg genkey | tee private.key | wg pubkey.',
      );
    default:
      return new ControlError(
        'NODES_FULL',
        'this network has no room for another machine',
        'Delete unused machines with `warren control nodes delete`.',
      );
  }
}
