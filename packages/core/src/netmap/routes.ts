/**
 * Which AllowedIPs of a peer are believed. WireGuard accepts from a peer what its AllowedIPs hold and sends
 * there what matches, so a control server could otherwise take over this machine's own traffic.
 */
import type { Counters } from '../base/counters.js';
import { type IpAddress, parseAddress } from '../ip/address.js';
import { isLinkLocal, isLoopback, isMulticast, isUnspecified } from '../ip/classes.js';
import {
  isDefaultRoute,
  type Prefix,
  parsePrefix,
  prefixAddress,
  prefixContains,
} from '../ip/prefix.js';
import type { NetmapNode } from './types.js';

/** MagicDNS: answered on this machine, never by a peer. */
const SERVICE_ADDRESSES: readonly IpAddress[] = ['100.100.100.100', 'fd7a:115c:a1e0::53']
  .map(parseAddress)
  .filter((address) => address !== undefined);

/** Ranges whose traffic stays on the machine or its link. */
const LOCAL_PREFIXES: readonly Prefix[] = ['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10']
  .map(parsePrefix)
  .filter((prefix) => prefix !== undefined);

function isBarred(route: Prefix, own: readonly Prefix[]): boolean {
  const address = prefixAddress(route);
  if (isLoopback(address) || isLinkLocal(address) || isMulticast(address)) return true;
  if (isUnspecified(address)) return true;
  if (SERVICE_ADDRESSES.some((service) => prefixContains(route, service))) return true;
  if (LOCAL_PREFIXES.some((local) => prefixContains(route, prefixAddress(local)))) return true;
  return own.some((prefix) => prefixContains(route, prefixAddress(prefix)));
}

/**
 * A peer's AllowedIPs as this node will use them: the peer's own addresses always, its routes only with
 * `acceptRoutes`, and never a default route, our own addresses, or what belongs to this machine alone.
 */
export function believedRoutes(
  peer: NetmapNode,
  own: readonly Prefix[],
  acceptRoutes: boolean,
  counters: Counters,
): readonly Prefix[] {
  const hosts = new Set(peer.addresses);
  const believed: Prefix[] = [...peer.addresses];
  for (const route of peer.allowedIps) {
    // A default route needs a person who chose this exit node.
    if (hosts.has(route) || isDefaultRoute(route)) continue;
    if (isBarred(route, own)) counters.add('netmap-route-barred');
    else if (!acceptRoutes) counters.add('netmap-route-not-accepted');
    else believed.push(route);
  }
  return believed;
}
