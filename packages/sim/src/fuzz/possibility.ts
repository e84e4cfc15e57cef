/**
 * The theory of hole punching for two machines, one address family at a time: RFC 4787's mapping and filtering
 * decide. Where it is unsure it says so: port mappings may be lost with a fault and come back late, NAT64 asks
 * for addresses that no peer tells.
 */
import type { Dependence, NatBehaviour } from '../nat/behaviour.js';

/** What stands between a machine and the internet. */
export interface Situation {
  /** The place in the world, the same for machines of one LAN. */
  readonly network: string;
  /** Whether it has IPv4 of its own. */
  readonly ipv4: boolean;
  /** Of IPv4; undefined: a public address without any firewall. */
  readonly nat: NatBehaviour | undefined;
  /** Its router does something that theory doesn't judge. */
  readonly odd: boolean;
  /** Public IPv6, behind a firewall or not: that makes no difference to two that know each other's address. */
  readonly ipv6: boolean;
}

export function possibilityOf(a: Situation, b: Situation): 'direct' | 'relay' | 'unknown' {
  if (a.network === b.network) return 'direct';
  if (a.nat?.udp === false || b.nat?.udp === false) return 'relay';
  // Nothing is translated there: each firewall opens to the other's endpoint.
  if (a.ipv6 && b.ipv6) return 'direct';
  if (!a.ipv4 || !b.ipv4 || a.odd || b.odd) return 'unknown';
  if (a.nat === undefined || b.nat === undefined) return 'direct';
  const [easyA, easyB] = [isEasy(a.nat), isEasy(b.nat)];
  if (easyA && easyB) return 'direct';
  // The hard side's port is unknown beforehand; it needs somebody who lets any port of its address in.
  if (easyA !== easyB) {
    const easy = easyA ? a.nat : b.nat;
    return easy.filtering === 'address-and-port-dependent' ? 'unknown' : 'direct';
  }
  return 'unknown';
}

/** Two NATs one behind the other, as one: as hard and as strict as the worse of the two. */
export function inSeries(inner: NatBehaviour, outer: NatBehaviour): NatBehaviour {
  return {
    ...inner,
    mapping: worse(inner.mapping, outer.mapping),
    filtering: worse(inner.filtering, outer.filtering),
    udp: inner.udp && outer.udp,
    exposed: inner.exposed && outer.exposed,
  };
}

const FROM_MILD_TO_STRICT: readonly Dependence[] = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
];

function worse(a: Dependence, b: Dependence): Dependence {
  return FROM_MILD_TO_STRICT.indexOf(a) > FROM_MILD_TO_STRICT.indexOf(b) ? a : b;
}

function isEasy(nat: NatBehaviour): boolean {
  return nat.mapping === 'endpoint-independent';
}
