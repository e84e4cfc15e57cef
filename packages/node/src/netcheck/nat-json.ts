/** A NAT's description in the words of the local API. Pure. */
import type { FamilyDescription, NatDescription } from '@warren/core/netmap/nat-description';
import type { FamilyNatReport, NatReport } from '../local-api/nat-report.js';

export function natJson(nat: NatDescription): NatReport {
  const { ipv4, ipv6 } = nat;
  return {
    class: nat.class,
    ...familyJson(ipv4.works || !ipv6.works ? ipv4 : ipv6),
    cgnat: nat.cgnat ?? null,
    nat64: nat.nat64 ?? null,
    ipv6: ipv6.works ? familyJson(ipv6) : null,
  };
}

function familyJson(of: FamilyDescription): FamilyNatReport {
  return {
    mapping: of.mapping ?? null,
    filtering: of.filtering ?? null,
    portAllocation: of.portAllocation ?? null,
    portDelta: of.portDelta ?? null,
    portRange: of.portRange ?? null,
    hairpin: of.hairpin ?? null,
    lifetimeMs: of.lifetimeMs ?? null,
    tablePressure: of.tablePressure ?? null,
  };
}
