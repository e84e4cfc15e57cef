/**
 * What a router takes packets for beside its own addresses: the networks that it announces, as they are; and as an
 * exit node everything but what is near it.
 *
 *     10.1.0.0/16       10.1.0.0/16
 *     0.0.0.0/0, ::/0   all but private, link-local, multicast and mesh ranges and the networks it stands in,
 *                       and with its own addresses in those, where it can be asked as by anybody
 *
 * So an exit node is a way to the internet and not into its LAN, which has to be announced by itself. Rules of the
 * packet filter decide beside this who may send there.
 *
 * Source: what stock nodes of this protocol do.
 */
import { addressBytes, addressFromBytes, familyOf, type IpAddress } from '../ip/address.js';
import { isOverlay } from '../ip/classes.js';
import {
  hostPrefix,
  isDefaultRoute,
  type Prefix,
  prefixAddress,
  prefixBits,
  prefixContains,
  prefixOf,
} from '../ip/prefix.js';

/** RFC 1918, 6598 (the mesh), 3927, 1112 and above; RFC 4193 as far as the mesh uses it, 4291. */
const NEAR = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  'fe80::/10',
  'ff00::/8',
  'fd7a:115c:a1e0::/48',
] as readonly string[] as readonly Prefix[];

const holds = (outer: Prefix, inner: Prefix): boolean =>
  prefixBits(outer) <= prefixBits(inner) && prefixContains(outer, prefixAddress(inner));

/** The two halves of a prefix that is no single address. */
function halves(prefix: Prefix): readonly [Prefix, Prefix] {
  const bits = prefixBits(prefix);
  const bytes = addressBytes(prefixAddress(prefix));
  const at = bits >> 3;
  bytes[at] = (bytes[at] ?? 0) | (0x80 >> (bits & 7));
  return [prefixOf(prefixAddress(prefix), bits + 1), prefixOf(addressFromBytes(bytes), bits + 1)];
}

/** The fewest prefixes that hold what `from` holds and none of `removed`. */
export function subtractPrefixes(from: Prefix, removed: readonly Prefix[]): readonly Prefix[] {
  if (removed.some((prefix) => holds(prefix, from))) return [];
  const inside = removed.filter((prefix) => holds(from, prefix));
  if (inside.length === 0) return [from];
  return halves(from).flatMap((half) => subtractPrefixes(half, inside));
}

/** What is near the machine itself. */
export interface OwnPlace {
  /** Networks that it is directly connected to. */
  readonly networks: readonly Prefix[];
  /** Its addresses outside the mesh. */
  readonly addresses: readonly IpAddress[];
}

/** What we take packets for when we announce `announced`. */
export function ownRoutes(announced: readonly Prefix[], place: OwnPlace): readonly Prefix[] {
  const routes = announced.flatMap((route) => {
    if (!isDefaultRoute(route)) return [route];
    const family = familyOf(prefixAddress(route));
    const isOf = (prefix: Prefix): boolean => familyOf(prefixAddress(prefix)) === family;
    const far = subtractPrefixes(route, [...NEAR, ...place.networks].filter(isOf));
    const own = place.addresses.filter((address) => !isOverlay(address)).map(hostPrefix);
    return [...far, ...own.filter(isOf)];
  });
  return [...new Set(routes)];
}
