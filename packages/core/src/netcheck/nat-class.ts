/**
 * What kind of NAT we are behind, judged from evidence alone.
 *
 *     none     reached by a datagram before anything was sent from the port, and seen there by STUN
 *     easy     one mapping for all servers: an endpoint-independent NAT, or a public address behind a firewall
 *     hard     servers see different mappings
 *     unknown  no UDP, or one server alone behind a NAT: nothing is guessed
 *
 * What never changes the class: port mapping (a mapped port is reached because it is mapped; a router without
 * UPnP isn't hard for that), static endpoints (a forwarder in front of a hard NAT leaves it hard), filtering
 * (a full cone is easy), and a public address by itself (its firewall may let nobody in). IPv4 is judged when
 * a server was heard over it, else IPv6.
 *
 * Source: RFC 4787 section 4.1 for mapping; the classes are Tailscale's, as its users know them.
 */
import { type Endpoint, endpointAddress, endpointPort, type IpFamily } from '../ip/address.js';
import type { NatClass } from '../netmap/nat-description.js';
import type { MappingObservation } from './report.js';

/** `none`: our own address and port are what servers see. */
export type NatMapping = 'none' | 'endpoint-independent' | 'endpoint-dependent';

/**
 * Whether strangers reach an endpoint: `yes` from an address never sent to, `port-only` from an unused port of one that
 * was sent to; undefined: not tried or not known.
 */
export type Verified = 'yes' | 'port-only' | 'no' | undefined;

export interface NatEvidence {
  /** Answers of STUN servers to one socket per family. */
  readonly observations: readonly MappingObservation[];
  /** Our sockets' own addresses with their ports. */
  readonly localSockets: readonly Endpoint[];
  /** What dial-backs before the first datagram showed. */
  readonly verified: ReadonlyMap<Endpoint, Verified>;
  /** External addresses that a router's port mapping explains. */
  readonly portMapped: readonly Endpoint[];
}

/** Which fact decided; stable words for `why` and tests. */
export type NatRule =
  | 'no-udp'
  | 'one-server'
  | 'ports-differ'
  | 'addresses-differ'
  | 'reached-unasked'
  | 'own-address-seen'
  | 'mappings-agree';

export interface NatVerdict {
  readonly class: NatClass;
  readonly mapping: NatMapping | undefined;
  readonly rule: NatRule;
  /** The family that was judged. */
  readonly family: IpFamily | undefined;
}

/** The latest mapping per server address: one that was renewed meanwhile isn't one that varies. */
function mappingsOf(
  observations: readonly MappingObservation[],
  family: IpFamily,
): ReadonlyMap<string, Endpoint> {
  const byServer = new Map<string, Endpoint>();
  for (const observation of observations) {
    if (observation.family !== family) continue;
    byServer.set(endpointAddress(observation.server), observation.mapped);
  }
  return byServer;
}

export function classifyNat(evidence: NatEvidence): NatVerdict {
  const { observations, localSockets, verified, portMapped } = evidence;
  const byFamily = ([4, 6] as const).map(
    (family) => [family, mappingsOf(observations, family)] as const,
  );
  const heard = byFamily.find(([, mappings]) => mappings.size > 0);
  if (heard === undefined) {
    return { class: 'unknown', mapping: undefined, rule: 'no-udp', family: undefined };
  }
  const [family, mappings] = heard;
  const [mapped, ...others] = new Set(mappings.values());
  if (mapped !== undefined && others.length > 0) {
    const sameAddress = others.every((other) => endpointAddress(other) === endpointAddress(mapped));
    const rule = sameAddress ? 'ports-differ' : 'addresses-differ';
    return { class: 'hard', mapping: 'endpoint-dependent', rule, family };
  }
  const isOwn = mapped !== undefined && localSockets.includes(mapped);
  const agree = mappings.size > 1 ? 'endpoint-independent' : undefined;
  const mapping = isOwn ? 'none' : agree;
  if (mapped !== undefined && verified.get(mapped) === 'yes' && !portMapped.includes(mapped)) {
    return { class: 'none', mapping, rule: 'reached-unasked', family };
  }
  if (isOwn) return { class: 'easy', mapping, rule: 'own-address-seen', family };
  if (mapping !== undefined) return { class: 'easy', mapping, rule: 'mappings-agree', family };
  return { class: 'unknown', mapping, rule: 'one-server', family };
}

/** How ports are chosen, where the mappings tell: kept as they are, or not. */
export function keepsPorts(
  observations: readonly MappingObservation[],
  localPort: number | undefined,
): boolean | undefined {
  const ports = [...mappingsOf(observations, 4).values()].map(endpointPort);
  if (localPort === undefined || ports.length === 0) return undefined;
  return ports.every((port) => port === localPort);
}
