/**
 * Addresses of a router's web pages, as SSDP answers and device descriptions write them: `http`, a literal IPv4
 * address of our own LAN, a port and a path. Everything else is refused, so that whoever answers a search can't make
 * us ask a third party for something, nor one of our own services.
 */
import { fail } from '../base/failure.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
  parseAddress,
} from '../ip/address.js';
import { prefixContains, prefixOf } from '../ip/prefix.js';
import type { Decoded } from '../ports.js';

/** Two addresses are of one LAN when they share this much; most home networks are a /24. */
const lanPrefixBits = 24;
/** Longest path that we send; real ones have some 30 characters. */
const pathMaxChars = 512;
const httpPort = 80;

/** Who we are on the LAN, and where its router is. */
export interface Lan {
  readonly gateway: IpAddress;
  readonly self: IpAddress;
}

export interface LanUrl {
  readonly host: Endpoint;
  /** Starts with a slash; the query belongs to it. */
  readonly path: string;
}

export type UrlRefusal = 'url-not-http' | 'url-not-literal' | 'url-malformed';

/** True when `address` is the gateway, or a neighbour of it or of us; we ourselves don't count. */
export function isOnLan(address: IpAddress, { gateway, self }: Lan): boolean {
  if (address === gateway) return true;
  if (address === self || familyOf(address) !== 4) return false;
  return [gateway, self].some(
    (near) => familyOf(near) === 4 && prefixContains(prefixOf(near, lanPrefixBits), address),
  );
}

/** Reads an absolute URL; the host may be anywhere. */
export function parseLanUrl(text: string): Decoded<LanUrl, UrlRefusal> {
  if (!/^http:\/\//i.test(text)) return fail('url-not-http');
  const match = /^http:\/\/([^/?#]*)([!-~]*)$/i.exec(text);
  const authority = /^([^:@]*)(?::(\d{1,5}))?$/.exec(match?.[1] ?? '@');
  if (match === null || authority === null) return fail('url-malformed');
  const address = parseAddress(authority[1] ?? '');
  if (address === undefined || familyOf(address) !== 4) return fail('url-not-literal');
  const port = Number(authority[2] ?? httpPort);
  const path = absolutePath('/', match[2] ?? '');
  if (port < 1 || port > 65535 || path === undefined) return fail('url-malformed');
  return { host: endpoint(address, port), path };
}

/** `path` seen from the page `base`; undefined when it could break out of a request line. */
export function absolutePath(base: string, path: string): string | undefined {
  if (!/^[!-~]*$/.test(path) || path.includes('#')) return undefined;
  const whole = path.startsWith('/') ? path : base.slice(0, base.lastIndexOf('/') + 1) + path;
  return whole.length > pathMaxChars ? undefined : whole;
}

/**
 * Where to ask for something that is said to be at `advertised`: there first when it is on the LAN, then at the
 * gateway by the same port. Some routers tell an address that floats between two of them, or one of another side.
 */
export function hostsToTry(advertised: Endpoint, lan: Lan): readonly Endpoint[] {
  const atGateway = endpoint(lan.gateway, endpointPort(advertised));
  if (!isOnLan(endpointAddress(advertised), lan)) return [atGateway];
  return advertised === atGateway ? [advertised] : [advertised, atGateway];
}
