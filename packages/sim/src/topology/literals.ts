/** Addresses and prefixes written in the source of a topology. */
import { assert } from '@warren/core/base/assert';
import {
  type Endpoint,
  type IpAddress,
  parseAddress,
  parseEndpoint,
} from '@warren/core/ip/address';
import { type Prefix, parsePrefix } from '@warren/core/ip/prefix';

export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  assert(address, `${text} is no address`);
  return address;
}

export function cidr(text: string): Prefix {
  const prefix = parsePrefix(text);
  assert(prefix, `${text} is no prefix`);
  return prefix;
}

/** `address:port`, IPv6 in brackets. */
export function socket(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  assert(endpoint, `${text} is no endpoint`);
  return endpoint;
}
