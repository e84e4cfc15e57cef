/**
 * When the network that a machine is in uses 100.64.0.0/10 itself (a carrier's NAT does), the overlay's range cannot
 * lead into the tunnel as a whole. What then goes where:
 *
 *     from our own address in that network      main table    (DHCP, answers, what the kernel checks of sources)
 *     UDP from our port                         main table    (WireGuard, disco and STUN)
 *     TCP to a relay or control server there    main table
 *     to the overlay address of a known peer    the tunnel, by a table of our own, also if it is our gateway's
 *     all else                                  main table, without a route for the whole range
 *
 * Rules stand in `ip rule` before those of the main table. IPv6 has no such trouble: nobody else uses our /48.
 */
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
  parseAddress,
} from '@warren/core/ip/address';
import { isOverlay } from '@warren/core/ip/classes';
import { prefixAddress } from '@warren/core/ip/prefix';
import type { Netmap } from '@warren/core/netmap/types';
import type { LinkState } from '../link/link-watcher.js';

/** What the rules are made of. */
export interface OverlayPolicy {
  /** IPv4 addresses of known peers inside the overlay. */
  readonly peers: readonly IpAddress[];
  /** Our own addresses outside the tunnel that lie in the overlay's range. */
  readonly own: readonly IpAddress[];
  /** Undefined: no socket. */
  readonly udpPort: number | undefined;
  /** Relays and control servers that lie in the overlay's range, with their TCP ports. */
  readonly servers: readonly Endpoint[];
}

export interface PolicySources {
  readonly netmap: Netmap;
  readonly link: LinkState;
  readonly udpPort: number | undefined;
  /** `https://host[:port]`. */
  readonly controlUrl: string;
}

const isShared = (address: IpAddress): boolean => familyOf(address) === 4 && isOverlay(address);

/** The policy for a machine whose own network, or gateway, lies in the overlay's range; undefined: it needs none. */
export function overlayPolicy(sources: PolicySources): OverlayPolicy | undefined {
  const { netmap, link, udpPort, controlUrl } = sources;
  const own = link.addresses.filter(isShared);
  if (own.length === 0 && !gatewaysOf(link.defaultRoute).some(isShared)) return undefined;
  const peers = [...netmap.peers.values()].flatMap(({ addresses }) =>
    addresses.map(prefixAddress).filter(isShared),
  );
  const servers = [...relaysOf(netmap), ...controlOf(controlUrl)].filter((server) =>
    isShared(endpointAddress(server)),
  );
  return {
    peers: [...new Set(peers)].sort(),
    own,
    udpPort,
    servers: [...new Set(servers)].sort(),
  };
}

/** Gateways in the text of `ip route`. */
function gatewaysOf(routes: string): IpAddress[] {
  return [...routes.matchAll(/\bvia (\S+)/g)].flatMap(([, text]) => parseAddress(text ?? '') ?? []);
}

function relaysOf(netmap: Netmap): Endpoint[] {
  return [...netmap.relayMap.regions.values()].flatMap(({ nodes }) =>
    nodes.flatMap(({ ipv4, hostName, relayPort }) => {
      const address = parseAddress(ipv4 ?? '') ?? parseAddress(hostName);
      return address === undefined ? [] : endpoint(address, relayPort);
    }),
  );
}

function controlOf(url: string): Endpoint[] {
  const { hostname, port, protocol } = new URL(url);
  const address = parseAddress(hostname);
  const usual = protocol === 'http:' ? 80 : 443;
  return address === undefined ? [] : [endpoint(address, port === '' ? usual : Number(port))];
}

/** Numbers of our table and rules, so that several nodes on one machine don't take each other's. */
export interface PolicyNumbers {
  readonly table: number;
  /** Of what stays outside, in three steps, and of the table. */
  readonly preferences: readonly [own: number, udp: number, servers: number, table: number];
}

/** Nodes of one machine have devices warren0, warren1, ...; more than this share their numbers. */
const NODES = 8;
const FIRST_TABLE = 4_164;
/** Before the rules of stock clients (5210 and up), so before the main table's too. */
export const FIRST_PREFERENCE = 5_110;
/** Of one device: those of the overlay, and of routes (routes/route-plan.ts). */
export const PREFERENCES_EACH = 10;

/** Of devices of one machine, each its own. */
export function deviceNumber(tunName: string): number {
  return Number(/\d{1,3}$/.exec(tunName)?.[0] ?? '0') % NODES;
}

export function policyNumbers(tunName: string): PolicyNumbers {
  const number = deviceNumber(tunName);
  const first = FIRST_PREFERENCE + PREFERENCES_EACH * number;
  return {
    table: FIRST_TABLE + number,
    preferences: [first, first + 1, first + 2, first + 5],
  };
}

/** Lines for `ip -batch`: every rule of the policy. */
export function ruleLines(policy: OverlayPolicy, numbers: PolicyNumbers): string[] {
  const [own, udp, servers, table] = numbers.preferences;
  return [
    ...policy.own.map((address) => `rule add pref ${own} from ${address} lookup main`),
    ...(policy.udpPort === undefined
      ? []
      : [`rule add pref ${udp} ipproto udp sport ${policy.udpPort} lookup main`]),
    ...policy.servers.map(
      (server) =>
        `rule add pref ${servers} to ${endpointAddress(server)} ipproto tcp dport ${endpointPort(server)} lookup main`,
    ),
    `rule add pref ${table} lookup ${numbers.table}`,
  ];
}

/** Lines that take away what stands, from the text of `ip -4 rule show`. */
export function forgetRuleLines(shown: string, numbers: PolicyNumbers): string[] {
  const ours = new Set(numbers.preferences.map(String));
  return shown.split('\n').flatMap((line) => {
    const preference = /^(\d+):/.exec(line)?.[1];
    return preference !== undefined && ours.has(preference) ? [`rule del pref ${preference}`] : [];
  });
}

/** Lines that bring the table from the peers it has to those it is to have. */
export function routeLines(
  tunName: string,
  before: readonly IpAddress[],
  wanted: readonly IpAddress[],
  { table }: PolicyNumbers,
): string[] {
  const kept = new Set(wanted);
  return [
    ...before
      .filter((address) => !kept.has(address))
      .map((address) => `route del ${address}/32 dev ${tunName} table ${table}`),
    ...wanted.map((address) => `route replace ${address}/32 dev ${tunName} table ${table}`),
  ];
}
