/** What to change where the NATs, or firewalls, keep a pair apart. */
import {
  bothNats,
  bothSides,
  commonFamily,
  depends,
  type Facts,
  hasFamily,
  hasOwnAddress,
  isReachable,
  type SideFacts,
} from './facts.js';
import {
  allowUdp,
  enableIpv6,
  enablePortMapping,
  enablePortMappings,
  endpointIndependentNat,
  forwardPort,
  openFirewall,
  repairPortMapping,
  repairStaticEndpoint,
  ways,
} from './fix-words.js';
import type { Fix } from './verdict.js';

/** A port of it can be opened to everybody by its owner. */
function canBeOpened({ nat }: SideFacts): boolean {
  return nat?.ipv4.works === true && nat.cgnat !== true;
}

/** IPv6 alone carries it: IPv4 is somebody else's translation. */
function isIpv6Only({ nat }: SideFacts): boolean {
  return nat !== undefined && !nat.ipv4.works && nat.ipv6.works;
}

/** Opening a port of one side to everybody, by the surest way that it has. */
function opening(side: SideFacts): readonly Fix[] {
  if (!canBeOpened(side)) return [];
  if (hasOwnAddress(side)) return [openFirewall(side)];
  if (side.mappedPrivately) return [];
  if (!side.canBeMapped) return [forwardPort(side), repairPortMapping(side)];
  return [enablePortMapping(side), forwardPort(side)];
}

/** How sure the first fix of a side is: a firewall of one's own, a router's switch, a forwarding by hand. */
function rank(fixes: readonly Fix[]): number {
  const order = ['open-firewall', 'enable-port-mapping', 'forward-port'];
  const place = order.indexOf(fixes[0]?.code ?? '');
  return place === -1 ? order.length : place;
}

/** IPv6, where one of them lacks it and has IPv4 alone. */
function ipv6Fixes(facts: Facts): readonly Fix[] {
  const nats = bothNats(facts);
  if (nats === undefined) return [];
  const lacking = bothSides(facts).filter((_, index) => {
    const nat = nats[index];
    return nat !== undefined && !hasFamily(nat, 6);
  });
  return lacking.length === 0 ? [] : [enableIpv6(lacking)];
}

/** A NAT that would do if it kept one port, because the other one does. */
function softening(facts: Facts): readonly Fix[] {
  const nats = bothNats(facts);
  const family = nats === undefined ? undefined : commonFamily(...nats);
  if (nats === undefined || family !== 4) return [];
  const hard = bothSides(facts).filter((_, index) => {
    const nat = nats[index];
    return nat !== undefined && depends(nat, 4) === true;
  });
  const [first] = hard;
  // Customers of a carrier have no say in its NAT.
  if (first?.nat?.cgnat === true) return [];
  return hard.length === 1 && first !== undefined ? [endpointIndependentNat(first)] : [];
}

/**
 * Both routers can be asked for a port as far as is known, and nothing says of either that no carrier's NAT stands
 * before it: who opens both is sure of one.
 */
function openingOfBoth({ self, peer }: Facts): readonly Fix[] | undefined {
  const canBoth = [self, peer].every(
    (side) => canBeOpened(side) && side.canBeMapped && !hasOwnAddress(side),
  );
  const isOneSure = self.nat?.cgnat === false || peer.nat?.cgnat === false;
  if (!canBoth || isOneSure) return undefined;
  return [enablePortMappings(self, peer), forwardPort(self), forwardPort(peer)];
}

/** The side whose first fix is the surest comes first; among equals the one that no carrier stands before, then ours. */
function openings(facts: Facts): readonly Fix[] {
  const both = openingOfBoth(facts);
  if (both !== undefined) return both;
  const sides = bothSides(facts).map((side) => ({ side, fixes: opening(side) }));
  const carrierRank = (side: SideFacts): number => (side.nat?.cgnat === false ? 0 : 1);
  const ordered = [...sides].sort(
    (a, b) => rank(a.fixes) - rank(b.fixes) || carrierRank(a.side) - carrierRank(b.side),
  );
  return ordered.flatMap(({ fixes }) => fixes);
}

/** At least one NAT takes a new port for each destination. */
export function hardFixes(facts: Facts): readonly Fix[] {
  const ipv6 = ipv6Fixes(facts);
  // A machine without IPv4 of its own gains nothing from ports that are mapped elsewhere by chance of translation.
  const isBesideIpv6 = bothSides(facts).some(isIpv6Only) && ipv6[0]?.where !== 'both';
  // Behind a carrier's NAT a forwarded port leads nowhere, and both may be.
  const prefersIpv6 = isBesideIpv6 || bothSides(facts).every(({ mapsNothing }) => mapsNothing);
  const fixes = prefersIpv6
    ? [...ipv6, ...openings(facts), ...softening(facts)]
    : [...openings(facts), ...softening(facts), ...ipv6];
  if (fixes.length > 0 || bothNats(facts) === undefined) return fixes;
  // Both have IPv6, which no NAT is to blame for: a firewall drops it.
  return bothSides(facts).map((side) => allowUdp(side, 'ipv6'));
}

/** One side is proven to be reached, so what keeps them apart stands at the other. */
export function unansweredFixes(facts: Facts): readonly Fix[] {
  const open = bothSides(facts).find((side) => isReachable(side, 4) || isReachable(side, 6));
  if (open === undefined) return [];
  const other = open.side === 'self' ? facts.peer : facts.self;
  return [allowUdp(other, ways(open)), ...opening(other)];
}

/** They should have met: the claim that did not hold is looked at first, then firewalls. */
export function unreachedFixes(facts: Facts): readonly Fix[] {
  const { evidence } = facts;
  const deadStatic = evidence.self.endpoints.some(
    ({ type, verified }) => type === 'static' && verified === false,
  );
  return [
    ...(deadStatic ? [repairStaticEndpoint(facts.self)] : []),
    ...hardFixes(facts),
    allowUdp(facts.self, 'punch'),
    allowUdp(facts.peer, 'punch'),
  ];
}
