/** The evidence put in order: per side what it can and can't, in words that the rules ask for. */
import { type Endpoint, endpointAddress, familyOf, type IpFamily } from '../ip/address.js';
import { isOverlay, isPrivate } from '../ip/classes.js';
import type { FamilyDescription, NatClass, NatDescription } from '../netmap/nat-description.js';
import type { Evidence } from './evidence.js';
import type { Side } from './verdict.js';

/** One end of the pair. */
export interface SideFacts {
  readonly side: Side;
  /** `this machine`, or the peer's name. */
  readonly name: string;
  /** Undefined: not measured, or it does not tell. */
  readonly nat: NatDescription | undefined;
  /** Endpoints at which strangers were proven to reach it. */
  readonly reachable: readonly Endpoint[];
  /** The external endpoint of a port mapping, whether it is of use or not. */
  readonly mapped: Endpoint | undefined;
  /** A mapping whose external address is not on the internet. */
  readonly mappedPrivately: boolean;
  /** It was tried, and nobody got in. */
  readonly mappingIsDead: boolean;
  /** Its router answers whoever asks for a port, and grants none: its own address may be a carrier's. */
  readonly mapsNothing: boolean;
  /** A port mapping of its router can make it reachable, as far as is known. */
  readonly canBeMapped: boolean;
}

export interface Facts {
  readonly evidence: Evidence;
  readonly self: SideFacts;
  readonly peer: SideFacts;
}

/** On the internet: neither of a LAN nor of a carrier's (RFC 6598, which is also our overlay's range). */
export function isPublic(endpoint: Endpoint): boolean {
  const address = endpointAddress(endpoint);
  return !isPrivate(address) && !isOverlay(address);
}

/** Whether UDP of the family gets out; NAT64 gives IPv4 to machines that have none. */
export function hasFamily(nat: NatDescription, family: IpFamily): boolean {
  if (family === 6) return nat.ipv6.works;
  return nat.ipv4.works || (nat.nat64 !== undefined && nat.ipv6.works);
}

export function hasUdp(nat: NatDescription): boolean {
  return hasFamily(nat, 4) || hasFamily(nat, 6);
}

export function familyOfNat(nat: NatDescription, family: IpFamily): FamilyDescription {
  return family === 4 ? nat.ipv4 : nat.ipv6;
}

/** Whether the mapping depends on the destination; undefined: not known. */
export function depends(nat: NatDescription, family: IpFamily): boolean | undefined {
  const { mapping } = familyOfNat(nat, family);
  if (mapping !== undefined) return mapping !== 'none' && mapping !== 'endpoint-independent';
  // The class is that of IPv4 where there is any.
  const isJudged = family === 4 || !hasFamily(nat, 4);
  const known: Partial<Record<NatClass, boolean>> = { none: false, easy: false, hard: true };
  return isJudged ? known[nat.class] : undefined;
}

/** The family that a pair would use, IPv4 first because that is where NATs are; undefined: none in common. */
export function commonFamily(a: NatDescription, b: NatDescription): IpFamily | undefined {
  return ([4, 6] as const).find((family) => hasFamily(a, family) && hasFamily(b, family));
}

/** The router answers in one of the protocols. */
function hasService({ portMapping }: NatDescription): boolean {
  return portMapping.pcp === true || portMapping.natpmp === true || portMapping.upnp === true;
}

function sideFacts(
  side: Side,
  name: string,
  nat: NatDescription | undefined,
  deadMappings: readonly Endpoint[],
): SideFacts {
  const external = nat?.portMapping.external;
  const mappedPrivately = external !== undefined && !isPublic(external);
  const reachable = nat?.reachable ?? [];
  // Another address than the servers see: a liar, or one more NAT outside.
  const mappedElsewhere =
    external !== undefined &&
    nat?.ipv4.mapped !== undefined &&
    endpointAddress(external) !== endpointAddress(nat.ipv4.mapped);
  const isDead =
    external !== undefined &&
    !reachable.includes(external) &&
    !mappedPrivately &&
    (deadMappings.includes(external) || mappedElsewhere);
  return {
    side,
    name,
    nat,
    reachable,
    mapped: external,
    mappedPrivately,
    mappingIsDead: isDead,
    mapsNothing: nat !== undefined && hasService(nat) && external === undefined,
    // A router that answers and gives no way in won't do so for being asked again.
    canBeMapped:
      nat?.ipv4.works === true && nat.cgnat !== true && !hasService(nat) && !mappedPrivately,
  };
}

/** Endpoints of ours that were tried from outside in vain. */
function deadEndpoints({ self }: Evidence): readonly Endpoint[] {
  return self.endpoints
    .filter(({ verified }) => verified === false)
    .map(({ endpoint }) => endpoint);
}

/** Endpoints of the peer that our pings went to, and that never answered. */
function silentEndpoints({ attempts }: Evidence): readonly Endpoint[] {
  return attempts.candidates
    .filter(({ pingsSent, pongs }) => pingsSent >= triesMin && pongs === 0)
    .map(({ endpoint }) => endpoint);
}

/** Pings that have to stay unanswered until an address counts as silent: one may be lost. */
const triesMin = 2;

export function factsOf(evidence: Evidence): Facts {
  const { self, peer } = evidence;
  return {
    evidence,
    self: sideFacts('self', 'this machine', self.nat, deadEndpoints(evidence)),
    peer: sideFacts('peer', peer.name, peer.nat, silentEndpoints(evidence)),
  };
}

/** Both sides, ours first. */
export function bothSides(facts: Facts): readonly [SideFacts, SideFacts] {
  return [facts.self, facts.peer];
}

/** Both descriptions; undefined: one is missing. */
export function bothNats({
  self,
  peer,
}: Facts): readonly [NatDescription, NatDescription] | undefined {
  return self.nat === undefined || peer.nat === undefined ? undefined : [self.nat, peer.nat];
}

/** The other end. */
export function otherSide(facts: Facts, of: SideFacts): SideFacts {
  return of.side === 'self' ? facts.peer : facts.self;
}

/** Strangers reach it over the family: proven, by whatever way. */
export function isReachable({ nat, reachable }: SideFacts, family: IpFamily): boolean {
  if (reachable.some((endpoint) => familyOf(endpointAddress(endpoint)) === family)) return true;
  if (nat === undefined || !hasFamily(nat, family)) return false;
  const isJudged = family === 4 || !hasFamily(nat, 4);
  return isJudged && nat.class === 'none';
}

/** Its own address is what the internet sees: no router is there that could map a port. */
export function hasOwnAddress({ nat }: SideFacts): boolean {
  return nat?.ipv4.mapping === 'none' && nat.ipv4.mapped !== undefined && isPublic(nat.ipv4.mapped);
}
