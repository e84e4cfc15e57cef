/** Our NAT's description as the search for ports needs it, towards one peer. Pure. */
import type { Endpoint } from '../ip/address.js';
import type { MappingBehaviour, NatDescription } from '../netmap/nat-description.js';
import type { OwnMapping } from '../paths/own-mapping.js';
import { ipv4SocketId } from './sockets.js';

/**
 * `servers`: STUN servers that answered. After a failure nothing is believed that was not just measured, but for the
 * randomness of our ports, for which a few more samples prove nothing.
 */
export function ownMapping(
  { ipv4 }: NatDescription,
  theirs: NatDescription | undefined,
  failures: number,
  servers: readonly Endpoint[],
): OwnMapping {
  const { mapping, filtering, portAllocation, portRange, mapped } = ipv4;
  const isRandom = isDependent(mapping) && portAllocation === 'random';
  // Where both map alike for all, another port of ours than the one that failed so far is tried.
  const isOne =
    !isDependent(mapping) && mapping !== undefined && failures === 0 && isHard(theirs) === true;
  return {
    servers,
    mapped,
    ports: isRandom ? 'random' : isOne ? 'one' : undefined,
    rangeEnds: portRange === undefined ? [] : [portRange.low, portRange.high],
    isOpenToAddress:
      (mapping === 'address-dependent' || !isDependent(mapping)) &&
      filtering !== undefined &&
      filtering !== 'address-and-port-dependent',
    mainSocketId: ipv4SocketId,
  };
}

/** Its mapping depends on the destination; undefined: not known. */
function isHard(nat: NatDescription | undefined): boolean | undefined {
  return nat?.ipv4.mapping === undefined ? undefined : isDependent(nat.ipv4.mapping);
}

function isDependent(mapping: MappingBehaviour | undefined): boolean {
  return mapping !== undefined && mapping !== 'none' && mapping !== 'endpoint-independent';
}
