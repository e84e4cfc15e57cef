/**
 * Rules of direct paths: by which way the path in use became possible. Judged from the addresses it uses and from
 * what both ends tell; the first that holds:
 *
 *     direct-lan        both are on one LAN, or the address is one that only LANs have
 *     direct-ipv6       over IPv6, which nobody translates
 *     direct-portmap    at a port that a router has mapped for one of the two
 *     direct-static     at an endpoint that somebody configured
 *     direct-open       one of the two is reached by strangers, without any of that
 *     direct-predict    at a port that was told beforehand
 *     direct-birthday   at a port that was guessed: many sockets of one side against many guesses of the other
 *     direct-punch      both NATs keep one port for all, and both sent at once
 */
import { endpointAddress, familyOf } from '../ip/address.js';
import { untranslated } from '../netcheck/nat64-probe.js';
import type { NatDescription } from '../netmap/nat-description.js';
import { bothNats, bothSides, depends, type Facts, isPublic, isReachable } from './facts.js';
import type { Finding, RuleCheck } from './rule.js';
import type { DirectMethod } from './verdict.js';

function direct(method: DirectMethod, reason: string): Finding {
  return { verdict: 'direct', rule: `direct-${method}`, reason };
}

/** One side's mapping depends on the destination, so that two NATs alone would not have let it through. */
function isBeyondPunching(facts: Facts): boolean {
  const nats = bothNats(facts);
  return nats === undefined || nats.some((nat) => depends(nat, 4) === true);
}

function throughMapping(facts: Facts, remote: string): Finding | undefined {
  const { evidence, peer, self } = facts;
  // A port that the search met is not there because a router maps it, though it may have the same number.
  if (peer.mapped === remote && evidence.portMethod === undefined) {
    return direct('portmap', `Packets go to the port ${remote} that ${peer.name}'s router maps.`);
  }
  if (self.mapped === undefined || self.mappingIsDead || self.mappedPrivately) return undefined;
  if (!isBeyondPunching(facts)) return undefined;
  return direct(
    'portmap',
    `${peer.name} reaches this machine at ${self.mapped}, which its router maps.`,
  );
}

function throughStatic(facts: Facts, remote: string): Finding | undefined {
  const { evidence, peer } = facts;
  const isTheirs = peer.reachable.some(
    (endpoint) => endpoint === remote && endpoint !== peer.nat?.ipv4.mapped,
  );
  if (isTheirs && peer.nat?.class !== 'none') {
    return direct('static', `${peer.name} is reached at its own endpoint ${remote}.`);
  }
  const ours = evidence.self.endpoints.find(
    ({ type, verified }) => type === 'static' && verified !== false,
  );
  if (ours === undefined || !isBeyondPunching(facts)) return undefined;
  return direct(
    'static',
    `${peer.name} reaches this machine at its static endpoint ${ours.endpoint}.`,
  );
}

/** The way of the path in use. */
const directPath: RuleCheck = (facts) => {
  const { path, portMethod, hasSession, peer, self } = facts.evidence;
  if (path?.kind !== 'direct') return undefined;
  // The endpoint of a plain peer is believed, not proven, until it answers.
  if (peer.isPlain && !hasSession) return undefined;
  // What leaves over IPv6 for a NAT64 arrives over IPv4, through NATs.
  const nat64 = self.nat?.nat64;
  const remote = nat64 === undefined ? path.remote : untranslated(nat64, path.remote);
  const family = familyOf(endpointAddress(remote));
  if (!isPublic(remote)) return direct('lan', `Both are on one LAN: packets go to ${remote}.`);
  if (family === 6) return direct('ipv6', `Packets go over IPv6, to ${remote}.`);
  const open = bothSides(facts).find(
    (side) => isReachable(side, family) && side.nat?.class === 'none',
  );
  if (open !== undefined) {
    return direct('open', `Anybody reaches ${open.name}: packets go to ${remote}.`);
  }
  const special = throughMapping(facts, remote) ?? throughStatic(facts, remote);
  if (special !== undefined) return special;
  if (portMethod === 'predict') return direct('predict', `The port of ${remote} was foreseen.`);
  if (portMethod === 'birthday') {
    return direct('birthday', `The port of ${remote} was guessed: many sockets met many guesses.`);
  }
  const nats = bothNats(facts);
  if (nats === undefined) return direct('punch', `Packets go straight to ${remote}.`);
  const hard = nats.find((nat) => depends(nat, 4) === true);
  if (hard !== undefined) {
    return (
      throughToldEndpoint(facts, remote) ??
      throughPeersSearch(nats, hard, remote) ??
      direct('open', `The filter of one side lets strangers in: packets go to ${remote}.`)
    );
  }
  const way = remote === path.remote ? '' : ' through a NAT64';
  return direct('punch', `Both NATs let the other in: packets go to ${remote}${way}.`);
};

/**
 * A hard NAT with a strict filter is reached at an endpoint that the peer tells everybody: somebody forwards that to it.
 * The peer itself may not have proven it, for it answers from its NAT's own port.
 */
function throughToldEndpoint({ evidence, peer }: Facts, remote: string): Finding | undefined {
  if (peer.nat === undefined || depends(peer.nat, 4) !== true) return undefined;
  if (peer.nat.ipv4.filtering !== 'address-and-port-dependent') return undefined;
  if (remote === peer.nat.ipv4.mapped) return undefined;
  if (!evidence.peer.endpoints.some((told) => told === remote)) return undefined;
  return direct('static', `${peer.name} is reached at its own endpoint ${remote}.`);
}

/** Neither filter lets in a port that was not sent to, so one was met, and not by our own search. */
function throughPeersSearch(
  nats: readonly NatDescription[],
  { ipv4: { portAllocation, portRange } }: NatDescription,
  remote: string,
): Finding | undefined {
  const isStrict = ({ ipv4, ipv6 }: NatDescription): boolean =>
    (ipv4.works ? ipv4 : ipv6).filtering === 'address-and-port-dependent';
  if (!nats.every(isStrict)) return undefined;
  const isForeseen = portAllocation === 'sequential' || portRange !== undefined;
  return direct(
    isForeseen ? 'predict' : 'birthday',
    `The other side's search for ports found the way: packets go to ${remote}.`,
  );
}

export const directRules: readonly RuleCheck[] = [directPath];
