/** Whether two private endpoints are neighbours, as far as addresses tell. */
import { type Endpoint, endpointAddress, familyOf } from '../ip/address.js';
import { isPrivate } from '../ip/classes.js';
import { type Prefix, parsePrefix, prefixContains } from '../ip/prefix.js';

/** What nearly every LAN is, whatever its true mask. */
const lanBits = 24;

/** The /24 of a private IPv4 endpoint. */
export function prefixOf(of: Endpoint): Prefix | undefined {
  const address = endpointAddress(of);
  if (familyOf(address) !== 4 || !isPrivate(address)) return undefined;
  return parsePrefix(`${address.split('.').slice(0, 3).join('.')}.0/${lanBits}`);
}

export function sameSubnet(a: Endpoint, b: Endpoint): boolean {
  const subnet = prefixOf(a);
  return subnet !== undefined && prefixContains(subnet, endpointAddress(b));
}
