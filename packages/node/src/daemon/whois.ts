/** Who has an address or a name, out of the netmap: also for programs that see the address of a connection. */
import { endpointAddress, parseAddress, parseEndpoint } from '@warren/core/ip/address';
import { prefixBits, prefixContains } from '@warren/core/ip/prefix';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import { NodeError } from '../errors.js';
import type { WhoisReport } from '../local-api/whois-report.js';
import { findNode, fullName } from './find-peer.js';

/** Its owner is the machine behind the address, or the one that routes to it, the most exact one. */
function routerOf(netmap: Netmap, wanted: string): NetmapNode | undefined {
  const address = parseAddress(wanted);
  if (address === undefined) return undefined;
  let best: NetmapNode | undefined;
  let bestBits = 0;
  for (const node of netmap.peers.values()) {
    for (const prefix of node.allowedIps) {
      const bits = prefixBits(prefix);
      if (bits <= bestBits || !prefixContains(prefix, address)) continue;
      [best, bestBits] = [node, bits];
    }
  }
  return best;
}

/** `wanted`: a name, an address, an address with a port. Throws PEER_UNKNOWN. */
export function whois(netmap: Netmap, wanted: string): WhoisReport {
  const endpoint = parseEndpoint(wanted);
  const bare = endpoint === undefined ? wanted : endpointAddress(endpoint);
  const node = findNode(netmap, bare) ?? routerOf(netmap, bare);
  if (node === undefined) {
    throw new NodeError(
      'PEER_UNKNOWN',
      `${wanted} belongs to no machine of this network`,
      '`warren status` lists the machines that this one may see',
    );
  }
  const user = netmap.users.get(node.userId);
  return {
    machine: {
      name: fullName(node),
      id: node.stableId,
      hostName: node.hostName,
      os: node.os,
      addresses: node.addresses,
      allowedIps: node.allowedIps,
      tags: node.tags,
      capabilities: node.capabilities ?? [],
      sshHostKeys: node.sshHostKeys ?? [],
      isSelf: node.id === netmap.self.id,
    },
    user: {
      id: node.userId,
      loginName: user?.loginName ?? '',
      displayName: user?.displayName ?? '',
    },
  };
}
