/**
 * What the kernel is told of routes, as lines for `ip -batch`. Nothing is done here.
 *
 *     5113  marked packets: the main table         our own sockets stay outside the tunnel
 *     5114  marked packets: unreachable            and never fall back into it
 *     5116  the table of routes
 *             throw LAN                            stays with the machine: the rules go on to the main table
 *             10.1.0.0/16 dev warren0              a subnet of a peer
 *             default dev warren0                  the exit node
 *             unreachable default, metric last     whatever the exit node can't take goes nowhere
 *
 * The longest prefix wins in the table, and between peers once more in the tunnel. Numbers are those of the first
 * device; the rules of overlay-policy.ts stand around these.
 */
import { familyOf, type IpFamily } from '@warren/core/ip/address';
import { type Prefix, prefixAddress, prefixBits } from '@warren/core/ip/prefix';
import { VIA_ADDRESS, VIA_SHRINK_BYTES } from '@warren/core/via/via-translator';
import { UNDERLAY_MARK } from '../net/underlay-mark.js';
import { deviceNumber, FIRST_PREFERENCE, PREFERENCES_EACH } from '../tun/overlay-policy.js';

/** What this machine uses of its peers' routes. */
export interface UsedRoutes {
  /** Subnets that lead into the tunnel. */
  readonly subnets: readonly Prefix[];
  /** Networks that stay with the machine although an exit node or a subnet would take them. */
  readonly kept: readonly Prefix[];
  /** Families that an exit node takes; the other goes nowhere. Undefined: no exit node is wanted. */
  readonly exit: { readonly v4: boolean; readonly v6: boolean } | undefined;
  /** Packets of IPv4 that answer translated ones (4via6) come back to us. */
  readonly via?: boolean;
}

/** On packets that a peer sends through this machine. */
export const FORWARDED_MARK = 0x58_0000;
export const MARK_MASK = 0xff_0000;

const FIRST_TABLE = 4_180;
/** Behind every other route of the table. */
const LAST_METRIC = 65_535;

export const hex = (mark: number): string => `0x${mark.toString(16)}`;

export interface RouteNumbers {
  readonly table: number;
  readonly marked: number;
  readonly stopped: number;
  readonly routes: number;
}

export function routeNumbers(tunName: string): RouteNumbers {
  const number = deviceNumber(tunName);
  const first = FIRST_PREFERENCE + PREFERENCES_EACH * number;
  return { table: FIRST_TABLE + number, marked: first + 3, stopped: first + 4, routes: first + 6 };
}

/** The same for both families. */
export function routeRuleLines(numbers: RouteNumbers, udpPort: number | undefined): string[] {
  const mark = `fwmark ${hex(UNDERLAY_MARK)}/${hex(MARK_MASK)}`;
  return [
    `rule add pref ${numbers.marked} ${mark} lookup main`,
    // Sockets of the portable data plane bear no mark.
    ...(udpPort === undefined
      ? []
      : [`rule add pref ${numbers.marked} ipproto udp sport ${udpPort} lookup main`]),
    `rule add pref ${numbers.stopped} ${mark} unreachable`,
    `rule add pref ${numbers.routes} lookup ${numbers.table}`,
  ];
}

/** As much less than IPv6's smallest packet as an IPv6 header is longer. */
const VIA_MTU_BYTES = 1_280 - VIA_SHRINK_BYTES;

const viaRoute = (tunName: string): string =>
  `${VIA_ADDRESS}/32 dev ${tunName} mtu lock ${VIA_MTU_BYTES}`;

const isOf =
  (family: IpFamily) =>
  (prefix: Prefix): boolean =>
    familyOf(prefixAddress(prefix)) === family;

/** What the table has to hold of one family, each without `route replace` and the table; none: no rules either. */
export function tableRoutes(used: UsedRoutes, tunName: string, family: IpFamily): string[] {
  const { subnets, kept, exit, via } = used;
  const answers = via === true && family === 4 ? [viaRoute(tunName)] : [];
  if (exit === undefined && !subnets.some(isOf(family))) return answers;
  const isTaken = family === 4 ? exit?.v4 : exit?.v6;
  return [
    // Before all else: between this line and the next nothing is to leave.
    ...(exit === undefined ? [] : [`unreachable default metric ${LAST_METRIC}`]),
    ...(isTaken === true ? [`default dev ${tunName}`] : []),
    // What is of one link never leaves it.
    ...(exit !== undefined && family === 6 ? ['throw fe80::/10'] : []),
    ...kept.filter(isOf(family)).map((prefix) => `throw ${prefix}`),
    ...subnets.filter(isOf(family)).map((prefix) => `${prefix} dev ${tunName}`),
    ...answers,
  ];
}

/** True when there is nothing to tell the kernel. */
export function isEmpty({ subnets, exit, via }: UsedRoutes): boolean {
  return subnets.length === 0 && exit === undefined && via !== true;
}

/** Does the text of `ip route show table` hold every route into the tunnel? */
export function showsAll(shown: string, wanted: readonly string[], tunName: string): boolean {
  const lines = shown.split('\n').map((line) => line.trim().split(/\s+/).join(' '));
  return wanted
    .filter((route) => route.includes(` dev ${tunName}`))
    .every((route) => {
      const [destination = ''] = route.split(' ');
      const written =
        destination === 'default' ||
        prefixBits(destination as Prefix) < (destination.includes(':') ? 128 : 32)
          ? destination
          : prefixAddress(destination as Prefix);
      return lines.some(
        (line) =>
          line.startsWith(`${written} dev ${tunName} `) || line === `${written} dev ${tunName}`,
      );
    });
}
