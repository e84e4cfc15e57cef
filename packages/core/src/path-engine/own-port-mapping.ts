/** Our NAT's description as the search for ports needs it, towards one peer. Pure. */
import { type Endpoint, endpointAddress, familyOf } from '../ip/address.js';
import { isOverlay, isPrivate } from '../ip/classes.js';
import type { MappingBehaviour, NatDescription } from '../netmap/nat-description.js';
import type { NetmapNode } from '../netmap/types.js';
import type { OwnMapping } from '../paths/own-mapping.js';
import { ipv4SocketId } from './sockets.js';

/** Past our router, and not past the next. */
const homeOpenerTtl = 2;
/** Past the carrier's NAT behind it. */
const carrierOpenerTtl = 3;

/**
 * `servers`: STUN servers that answered. After a failure nothing is believed that was not just measured, but for the
 * randomness of our ports, for which a few more samples prove nothing.
 */
export function ownMapping(
  { ipv4, cgnat }: NatDescription,
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
    openerTtl: cgnat === true ? carrierOpenerTtl : homeOpenerTtl,
  };
}

/**
 * Both descriptions say that the usual pings can't meet: over IPv4 alone, not behind one NAT, at least one mapping
 * depends on the destination, and nobody lets in what comes from another port. False where anything is unknown.
 */
export function cantBePunched(ours: NatDescription, theirs: NatDescription | undefined): boolean {
  if (theirs === undefined || (ours.ipv6.works && theirs.ipv6.works)) return false;
  const both = [ours, theirs];
  const [ourAddress, theirAddress] = both.map(({ ipv4 }) =>
    ipv4.mapped === undefined ? undefined : endpointAddress(ipv4.mapped),
  );
  if (ourAddress === undefined || theirAddress === undefined) return false;
  if (ourAddress === theirAddress) return false;
  const isClosed = both.every(
    (nat) =>
      nat.reachable.length === 0 &&
      nat.class !== 'none' &&
      nat.portMapping.external === undefined &&
      (isHard(nat) === true || nat.ipv4.filtering === 'address-and-port-dependent'),
  );
  return isClosed && both.some((nat) => isHard(nat) === true);
}

/** Its mapping depends on the destination; undefined: not known. */
function isHard(nat: NatDescription | undefined): boolean | undefined {
  return nat?.ipv4.mapping === undefined ? undefined : isDependent(nat.ipv4.mapping);
}

function isDependent(mapping: MappingBehaviour | undefined): boolean {
  return mapping !== undefined && mapping !== 'none' && mapping !== 'endpoint-independent';
}

/** Where a peer is that says nothing of its NAT, as stock clients do: its first public IPv4 endpoint. */
export function stockEndpointOf(
  { nat, endpoints }: Pick<NetmapNode, 'nat' | 'endpoints'>,
  isRefused: (endpoint: Endpoint) => boolean,
): Endpoint | undefined {
  if (nat !== undefined) return undefined;
  return endpoints.find((endpoint) => {
    const address = endpointAddress(endpoint);
    const isPublic = familyOf(address) === 4 && !isPrivate(address) && !isOverlay(address);
    return isPublic && !isRefused(endpoint);
  });
}
