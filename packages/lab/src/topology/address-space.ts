/** Which addresses the lab's internet routes. Pure. */
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import { parsePrefix, prefixContains } from '@warren/core/ip/prefix';

/** Hub ports forward nothing to or from these: a leak of the overlay or of a LAN ends in the hub. */
export const unroutedPrefixes = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

/**
 * Further prefixes that no WAN address may come from. Software judges an address by what it looks like:
 * miniupnpd refuses to map on a documentation address, and a mesh node rightly calls it not public.
 */
const reservedPrefixes = [
  ...unroutedPrefixes,
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];

/** The public addresses of IPv6, and the part of them that is for documents. */
const publicIpv6 = '2000::/3';
const documentIpv6 = '2001:db8::/32';

function isIn(text: string, address: IpAddress): boolean {
  const prefix = parsePrefix(text);
  return prefix !== undefined && prefixContains(prefix, address);
}

/** Whether an address can't be a public one. */
export function isReserved(address: IpAddress): boolean {
  if (familyOf(address) === 6) return !isIn(publicIpv6, address) || isIn(documentIpv6, address);
  return reservedPrefixes.some((text) => isIn(text, address));
}

/** Whether hubs drop what goes there: the addresses of LANs. */
export function isUnrouted(address: IpAddress): boolean {
  return unroutedPrefixes.some((text) => isIn(text, address));
}
