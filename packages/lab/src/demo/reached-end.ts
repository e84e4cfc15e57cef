/** One end of a pair, as the rule of methods wants it: where it is, and where the other end reaches it. */
import { endpointAddress, type IpAddress, parseEndpoint } from '@warren/core/ip/address';
import { formatPublicKey } from '@warren/core/keys/keys';
import { isMappedPort, type ReachedEnd } from '@warren/sim/demo/verdict';
import type { Topology } from '@warren/sim/topology/types';
import { statusOf } from '../mesh/machines.js';
import type { World } from '../world/world.js';
import type { PairMember } from './pair-member.js';

/** `end` as `other` reaches it now. */
export async function reachedEnd(
  world: World,
  end: PairMember,
  other: PairMember,
): Promise<ReachedEnd> {
  const [own, far] = await Promise.all([statusOf(world, end.name), statusOf(world, other.name)]);
  const nodeKey = formatPublicKey('node', end.nodeKey);
  const peer = far.peers.find((known) => known.nodeKey === nodeKey);
  const used = peer?.endpoint ?? null;
  const endpoint = parseEndpoint(used ?? '');
  const machine = world.topology.machines.find(({ name }) => name === end.name);
  return {
    addresses: interfaceAddresses(world.topology, end.name),
    configured: (machine?.staticEndpoints ?? []).map(endpointAddress),
    mapped:
      own.self?.endpoints.some(
        ({ addr, type, verified }) => addr === used && isMappedPort(type, verified),
      ) === true,
    foretold: peer?.foretold === true,
    guessed: peer?.method === 'birthday',
    remote: endpoint === undefined ? null : endpointAddress(endpoint),
  };
}

/** All that a machine's interface has; in a LAN of IPv6 alone that is one. */
export function interfaceAddresses(
  { machines, networks }: Topology,
  name: string,
): readonly IpAddress[] {
  const at = machines.find((machine) => machine.name === name)?.at;
  if (at?.kind !== 'lan') return at?.addresses ?? [];
  const network = networks.find((candidate) => candidate.name === at.network);
  const ipv4 = network?.nat64 === true ? [] : [at.address];
  return at.ipv6 === undefined ? ipv4 : [...ipv4, at.ipv6];
}
