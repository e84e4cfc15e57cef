/** A relay as the DERP map names it, in Tailscale's JSON spelling, ready to paste into a control server's map. */
import { familyOf, type IpAddress, parseAddress } from '@warren/core/ip/address';
import type { CertificatePin } from '@warren/shell/tls/pins';

export interface DerpNode {
  readonly Name: string;
  readonly RegionID: number;
  readonly HostName: string;
  /** `sha256-raw:<hex>`: the pin of a self-signed certificate; absent: it is verified by HostName. */
  readonly CertName?: string;
  /** A literal, or `none` where the family is off; absent: look HostName up. */
  readonly IPv4?: string;
  readonly IPv6?: string;
  /** -1: no STUN. */
  readonly STUNPort: number;
  readonly DERPPort: number;
  /** `GET /generate_204` is answered on port 80 too, for captive portal checks. */
  readonly CanPort80?: true;
  /** Warren's own: the relay sends a datagram back to a client that asks for one. Official clients skip it. */
  readonly WarrenDialBack?: true;
  /** Warren's own: STUN answers from here too (RFC 5780), so that nodes can tell how their NAT filters. */
  readonly WarrenStunAlternatePort?: number;
  readonly WarrenStunAlternateIPv4?: string;
  readonly WarrenStunAlternateIPv6?: string;
}

export interface DerpRegion {
  readonly RegionID: number;
  readonly RegionCode: string;
  readonly RegionName: string;
  readonly Nodes: readonly DerpNode[];
}

export interface DerpRegionFacts {
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  /** DNS name or address literal that clients reach. */
  readonly hostName: string;
  /** Literals that spare clients the look-up; a literal `hostName` says it already. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly pin: CertificatePin | undefined;
  readonly port: number;
  readonly stunPort: number | undefined;
  /** STUN's other port and address; undefined: none. */
  readonly stunAlternatePort?: number | undefined;
  readonly stunAlternateAddress?: IpAddress | undefined;
  /** Plain HTTP is served on port 80 of `hostName`. */
  readonly canPort80?: boolean | undefined;
}

/** A region of one node. */
export function derpRegion(facts: DerpRegionFacts): DerpRegion {
  const literal = parseAddress(facts.hostName);
  const hostFamily = literal === undefined ? undefined : familyOf(literal);
  const address = (family: 4 | 6, given: string | undefined): string | undefined => {
    if (given !== undefined || hostFamily === undefined) return given;
    return hostFamily === family ? literal : 'none';
  };
  const ipv4 = address(4, facts.ipv4);
  const ipv6 = address(6, facts.ipv6);
  return {
    RegionID: facts.regionId,
    RegionCode: facts.regionCode,
    RegionName: facts.regionName,
    Nodes: [
      {
        Name: `${facts.regionId}a`,
        RegionID: facts.regionId,
        HostName: facts.hostName,
        ...(facts.pin === undefined ? {} : { CertName: facts.pin }),
        ...(ipv4 === undefined ? {} : { IPv4: ipv4 }),
        ...(ipv6 === undefined ? {} : { IPv6: ipv6 }),
        STUNPort: facts.stunPort ?? -1,
        DERPPort: facts.port,
        ...(facts.canPort80 === true ? { CanPort80: true } : {}),
        ...(facts.stunPort === undefined ? {} : { WarrenDialBack: true }),
        ...alternates(facts),
      },
    ],
  };
}

function alternates(facts: DerpRegionFacts): Partial<DerpNode> {
  const { stunPort, stunAlternatePort: port, stunAlternateAddress: address } = facts;
  if (stunPort === undefined || port === undefined) return {};
  if (address === undefined) return { WarrenStunAlternatePort: port };
  return familyOf(address) === 4
    ? { WarrenStunAlternatePort: port, WarrenStunAlternateIPv4: address }
    : { WarrenStunAlternatePort: port, WarrenStunAlternateIPv6: address };
}
