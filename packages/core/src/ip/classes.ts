/** Address classes that decide what may become a path candidate. Sources: RFC 1918, 4193, 6598, 6890. */
import type { IpAddress } from './address.js';
import { type Prefix, prefixContains } from './prefix.js';

const within = (address: IpAddress, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => prefixContains(prefix as Prefix, address));

export const isLoopback = (address: IpAddress): boolean =>
  within(address, ['127.0.0.0/8', '::1/128']);
export const isUnspecified = (address: IpAddress): boolean =>
  within(address, ['0.0.0.0/8', '::/128']);
export const isMulticast = (address: IpAddress): boolean =>
  within(address, ['224.0.0.0/4', 'ff00::/8']) || address === '255.255.255.255';
export const isLinkLocal = (address: IpAddress): boolean =>
  within(address, ['169.254.0.0/16', 'fe80::/10']);
/** RFC 1918 and unique local IPv6. 100.64.0.0/10 is not private here: see {@link isOverlay}. */
export const isPrivate = (address: IpAddress): boolean =>
  within(address, ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']);
/** Warren's own overlay ranges. An underlay candidate inside them would loop into the tunnel. */
export const isOverlay = (address: IpAddress): boolean =>
  within(address, ['100.64.0.0/10', 'fd7a:115c:a1e0::/48']);
