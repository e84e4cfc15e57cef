/**
 * The address of a resolver, as control and configuration files write it.
 *
 *     1.1.1.1   [2606:4700::1111]:53   2606:4700::1111   1.1.1.1:5353      DNS over UDP and TCP
 *     https://dns.example/dns-query                                        DNS over HTTPS (RFC 8484)
 */
import {
  type Endpoint,
  endpoint,
  type IpAddress,
  parseAddress,
  parseEndpoint,
} from '../ip/address.js';

export const DNS_PORT = 53;

/** Where the resolver of every node answers, and nobody else's. */
export const SERVICE_ADDRESSES = [
  '100.100.100.100',
  'fd7a:115c:a1e0::53',
] as readonly string[] as readonly IpAddress[];

export type Upstream =
  | { readonly kind: 'plain'; readonly endpoint: Endpoint }
  | { readonly kind: 'https'; readonly url: string };

/** Undefined: it is no resolver's address. */
export function parseUpstream(text: string): Upstream | undefined {
  if (/^https:\/\/[^\s/]+(\/\S*)?$/.test(text)) return { kind: 'https', url: text };
  const address = parseAddress(text);
  if (address !== undefined) return { kind: 'plain', endpoint: endpoint(address, DNS_PORT) };
  const parsed = parseEndpoint(text);
  return parsed === undefined || parsed.endsWith(':0')
    ? undefined
    : { kind: 'plain', endpoint: parsed };
}

/** As people write it: the port only where it is another than DNS's. */
export function formatUpstream(upstream: Upstream): string {
  if (upstream.kind === 'https') return upstream.url;
  const match = /^\[?(.*?)\]?:53$/.exec(upstream.endpoint);
  return match?.[1] ?? upstream.endpoint;
}

/** It is a resolver of this kind itself: asking it would go round in a circle. */
export function isOwnService(upstream: Upstream): boolean {
  if (upstream.kind !== 'plain') return false;
  return SERVICE_ADDRESSES.some((address) =>
    [`${address}:`, `[${address}]:`].some((start) => upstream.endpoint.startsWith(start)),
  );
}
