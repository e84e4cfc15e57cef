/** The theory of hole punching for two machines: RFC 4787's mapping and filtering decide. */
import type { NatBehaviour } from '../nat/behaviour.js';

/** What stands between a machine and the internet. */
export interface Situation {
  /** The place in the world, the same for machines of one LAN. */
  readonly network: string;
  /** Undefined: a public address without any firewall. */
  readonly nat: NatBehaviour | undefined;
  /** Its router does something that theory doesn't judge. */
  readonly odd: boolean;
}

export function possibilityOf(a: Situation, b: Situation): 'direct' | 'relay' | 'unknown' {
  if (a.network === b.network) return 'direct';
  if (a.nat?.udp === false || b.nat?.udp === false) return 'relay';
  if (a.odd || b.odd) return 'unknown';
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

function isEasy(nat: NatBehaviour): boolean {
  return nat.mapping === 'endpoint-independent';
}
