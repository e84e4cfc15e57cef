/**
 * IPv6 addresses that stand for IPv4 networks of sites whose addresses overlap ("4via6"):
 *
 *     fd7a:115c:a1e0:b1a : SSSS:SSSS : AAAA:AAAA     site (32 bits, of which 16 are used), IPv4 address
 *
 * A site announces the prefix of its network; `192.168.1.0/24` of site 7 is `fd7a:115c:a1e0:b1a:0:7:c0a8:100/120`.
 *
 * Source: how the Tailscale family writes such routes.
 */
import { addressBytes, addressFromBytes, familyOf } from '../ip/address.js';
import { type Prefix, prefixAddress, prefixBits, prefixContains, prefixOf } from '../ip/prefix.js';

/** Of all sites. */
export const VIA_RANGE = 'fd7a:115c:a1e0:b1a::/64' as string as Prefix;
/** What stands before the IPv4 address. */
export const VIA_BITS = 96;
const SITE_AT = 8;
const V4_AT = 12;
/** Larger ones are kept back by those who thought of this. */
export const SITE_MAX = 65_535;

export interface ViaNetwork {
  readonly site: number;
  /** IPv4. */
  readonly network: Prefix;
}

/** The IPv6 prefix of an IPv4 network; undefined: it is none, or the site has no such number. */
export function viaPrefix({ site, network }: ViaNetwork): Prefix | undefined {
  const isSite = Number.isInteger(site) && site >= 0 && site <= SITE_MAX;
  if (!isSite || familyOf(prefixAddress(network)) !== 4) return undefined;
  const bytes = addressBytes(prefixAddress(VIA_RANGE));
  bytes[SITE_AT + 2] = site >> 8;
  bytes[SITE_AT + 3] = site & 255;
  bytes.set(addressBytes(prefixAddress(network)), V4_AT);
  return prefixOf(addressFromBytes(bytes), VIA_BITS + prefixBits(network));
}

/** What an IPv6 prefix stands for; undefined: for no network of one site. */
export function viaNetwork(prefix: Prefix): ViaNetwork | undefined {
  const address = prefixAddress(prefix);
  if (prefixBits(prefix) < VIA_BITS || !prefixContains(VIA_RANGE, address)) return undefined;
  const bytes = addressBytes(address);
  const site = new DataView(bytes.buffer).getUint32(SITE_AT);
  if (site > SITE_MAX) return undefined;
  const network = prefixOf(addressFromBytes(bytes.slice(V4_AT)), prefixBits(prefix) - VIA_BITS);
  return { site, network };
}
