/**
 * What an external address that a router tells is good for. Sources: RFC 6890's registry of special addresses,
 * RFC 1918, 4193, 6598, 6333, 2544, 5737, 3849.
 */
import type { IpAddress } from '../ip/address.js';
import {
  isLinkLocal,
  isLoopback,
  isMulticast,
  isOverlay,
  isPrivate,
  isUnspecified,
} from '../ip/classes.js';
import { type Prefix, prefixContains } from '../ip/prefix.js';

/**
 * `public`: strangers may reach it. `inner`: private, a carrier's or otherwise not of the internet, of use inside
 * the outer network only; a second NAT stands in front. `unusable`: no address of anybody.
 */
export type ExternalScope = 'public' | 'inner' | 'unusable';

/** Beside RFC 1918, 4193 and 6598. */
const NOT_PUBLIC = [
  '192.0.0.0/24', // IETF protocols, DS-Lite among them
  '192.0.2.0/24', // documentation
  '198.51.100.0/24',
  '203.0.113.0/24',
  '198.18.0.0/15', // benchmarks
  '240.0.0.0/4', // reserved
  '2001:db8::/32', // documentation
  '3fff::/20',
  '100::/64', // discard
] as Prefix[];

export function externalScope(address: IpAddress): ExternalScope {
  if (isUnspecified(address) || isLoopback(address) || isMulticast(address)) return 'unusable';
  const isInner =
    isPrivate(address) ||
    isOverlay(address) ||
    isLinkLocal(address) ||
    NOT_PUBLIC.some((prefix) => prefixContains(prefix, address));
  return isInner ? 'inner' : 'public';
}
