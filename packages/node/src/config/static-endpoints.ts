/**
 * Endpoints that a person configures because the node can't find them itself: a forwarded port of a router
 * that nobody can ask, or a load balancer in front of the machine. They are told to peers beside those found.
 * A name in one is looked up again and again (daemon/static-names.ts).
 */
import {
  type Endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
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

/** DNS allows no longer name. */
const MAX_NAME_CHARACTERS = 253;

/** `192.0.2.1:41641`, `[2001:db8::1]:41641` or `vpn.example.com:41641`; only {@link parseStaticEndpoint} makes it. */
export type StaticEndpoint = string;

/** An endpoint, or what is wrong with the text, as a sentence. */
export type StaticEndpointResult =
  | { readonly endpoint: StaticEndpoint; readonly problem?: undefined }
  | { readonly endpoint?: undefined; readonly problem: string };

/** What a static endpoint asks for: an endpoint as it is, or a name to look up. */
export type StaticEndpointParts =
  | { readonly endpoint: Endpoint }
  | { readonly endpoint?: undefined; readonly name: string; readonly port: number };

/** Reads an address or a name with a port; names come out in lower case. */
export function parseStaticEndpoint(text: string): StaticEndpointResult {
  const parts = splitStaticEndpoint(text);
  if (parts === undefined) {
    return { problem: `"${text}" is not ADDRESS:PORT or NAME:PORT (IPv6: [ADDRESS]:PORT)` };
  }
  if (parts.endpoint === undefined) {
    const { name, port } = parts;
    return port === 0 ? { problem: `${text} has no port` } : { endpoint: `${name}:${port}` };
  }
  const { endpoint } = parts;
  if (endpointPort(endpoint) === 0) return { problem: `${endpoint} has no port` };
  const problem = addressProblem(endpointAddress(endpoint));
  return problem === undefined ? { endpoint } : { problem };
}

/** The parts of a static endpoint; undefined: it is none. */
export function splitStaticEndpoint(text: string): StaticEndpointParts | undefined {
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined) return { endpoint };
  const match = /^([^:]+):(\d{1,5})$/.exec(text);
  const [name, port] = [match?.[1]?.toLowerCase().replace(/\.$/, '') ?? '', Number(match?.[2])];
  return isName(name) && port <= 65_535 ? { name, port } : undefined;
}

/** Why no peer can use an address, as a sentence; undefined: it may be able to. */
export function addressProblem(address: IpAddress): string | undefined {
  const unreachable = [isUnspecified, isLoopback, isLinkLocal, isMulticast].some((is) =>
    is(address),
  );
  if (unreachable) return `no peer can send to ${address}`;
  if (isOverlay(address)) return `${address} is an address inside the mesh; give one outside`;
  return undefined;
}

/** A DNS name; one that ends in digits is a mistyped address. */
function isName(text: string): boolean {
  const labels = text.split('.');
  return (
    text.length <= MAX_NAME_CHARACTERS &&
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  );
}

/** The members of a comma list; empty ones don't count. */
export function splitEndpointList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
