/** IPv4 addresses inside IPv6 ones, behind the well-known prefix 64:ff9b::/96 (RFC 6052). */
import {
  addressBytes,
  addressFromBytes,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import { prefixContains } from '@warren/core/ip/prefix';
import { cidr } from '../topology/literals.js';

const PREFIX = cidr('64:ff9b::/96');
const PREFIX_BYTES = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

/** Undefined: the address doesn't stand for an IPv4 one. */
export function extractIpv4(address: IpAddress): IpAddress | undefined {
  if (familyOf(address) === 4 || !prefixContains(PREFIX, address)) return undefined;
  return addressFromBytes(addressBytes(address).subarray(12));
}

/** How a host without IPv4 sees an IPv4 endpoint. */
export function embedIpv4(remote: Endpoint): Endpoint {
  const address = addressBytes(endpointAddress(remote));
  const bytes = Uint8Array.of(...PREFIX_BYTES, ...address);
  return endpoint(addressFromBytes(bytes), endpointPort(remote));
}
