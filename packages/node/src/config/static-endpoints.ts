/**
 * Endpoints that a person configures because the node can't find them itself: a forwarded port of a router
 * that nobody can ask, or a load balancer in front of the machine. They are told to peers beside those found.
 */
import {
  type Endpoint,
  endpointAddress,
  endpointPort,
  parseEndpoint,
} from '@warren/core/ip/address';
import {
  isLinkLocal,
  isLoopback,
  isMulticast,
  isOverlay,
  isUnspecified,
} from '@warren/core/ip/classes';

/** A balancer has an address per zone; of all endpoints, peers are told 64 and these are not the first. */
export const MAX_STATIC_ENDPOINTS = 16;

/** An endpoint, or what is wrong with the text, as a sentence. */
export type StaticEndpointResult =
  | { readonly endpoint: Endpoint; readonly problem?: undefined }
  | { readonly endpoint?: undefined; readonly problem: string };

/** Reads `192.0.2.1:41641` or `[2001:db8::1]:41641`. */
export function parseStaticEndpoint(text: string): StaticEndpointResult {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) {
    return { problem: `"${text}" is not ADDRESS:PORT (IPv6: [ADDRESS]:PORT)` };
  }
  if (endpointPort(endpoint) === 0) return { problem: `${endpoint} has no port` };
  const address = endpointAddress(endpoint);
  const unreachable = [isUnspecified, isLoopback, isLinkLocal, isMulticast].some((is) =>
    is(address),
  );
  if (unreachable) return { problem: `no peer can send to ${address}` };
  if (isOverlay(address)) {
    return { problem: `${address} is an address inside the mesh; give one outside` };
  }
  return { endpoint };
}

/** The members of a comma list; empty ones don't count. */
export function splitEndpointList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
