/**
 * The IPv6 half of a world's commands. Pure.
 *
 *     hub.pN fe80::1 ──── fe80::2 eth0, wan        public addresses are /128 on the place's own side
 *     inet-a.tN fe80::1 ──── fe80::2 inet-b.tN     a LAN's /64 is routed to its router; nothing is translated
 *     router.br0 <lan>::1 ──── <lan>::x eth0
 *
 * Every link has the same two link-local addresses, so routes need no others. Neighbours of uplinks and
 * transits are permanent, as for IPv4. No address waits for duplicate detection (`nodad`).
 */
import { addressBytes, addressFromBytes, familyOf, type IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixAddress, prefixBits } from '@warren/core/ip/prefix';
import type { Network, Topology } from '@warren/sim/topology/types';
import type { Wire, WireEnd } from './plan.js';

/** Where the internet is, seen from a public place; also the first region's side of a transit. */
export const NEAR = 'fe80::1';
/** The public place itself; also the second region's side of a transit. */
export const FAR = 'fe80::2';

/** Hubs and routers of a world with IPv6 pass it on. */
export const ipv6Forwarding = ['net/ipv6/conf/all/forwarding', '1'] as const;

/** A place's addresses of one family, in their order. */
export function ofFamily(addresses: readonly IpAddress[], family: 4 | 6): IpAddress[] {
  return addresses.filter((address) => familyOf(address) === family);
}

/** Whether anything in the world has an IPv6 address. */
export function hasIpv6({ hosts, networks, machines }: Topology): boolean {
  const places = [...hosts, ...machines.flatMap(({ at }) => (at.kind === 'public' ? [at] : []))];
  return (
    networks.some(({ ipv6 }) => ipv6 !== undefined) ||
    places.some(({ addresses }) => ofFamily(addresses, 6).length > 0)
  );
}

function linkCommands(own: WireEnd, ownAddress: string, peer: WireEnd, peerAddress: string) {
  return [
    `addr add ${ownAddress}/64 dev ${own.device} nodad`,
    `neigh replace ${peerAddress} lladdr ${peer.mac} dev ${own.device} nud permanent`,
  ];
}

/** End `a` of an uplink: addresses and the way to the internet. Nothing for a place without IPv6. */
export function uplinkCommands6(
  wire: Wire,
  addresses: readonly IpAddress[],
  lan: Prefix | undefined,
): string[] {
  const own = ofFamily(addresses, 6);
  if (own.length === 0 && lan === undefined) return [];
  const { device } = wire.a;
  const source = own[0] === undefined ? '' : ` src ${own[0]}`;
  return [
    ...own.map((address) => `addr add ${address}/128 dev ${device} nodad`),
    ...linkCommands(wire.a, FAR, wire.b, NEAR),
    `route add ::/0 via ${NEAR} dev ${device}${source}`,
  ];
}

/** What a hub routes to a place or through another hub. */
export interface Destinations {
  readonly addresses: readonly IpAddress[];
  readonly lan: Prefix | undefined;
}

function routesVia({ addresses, lan }: Destinations, via: string, device: string): string[] {
  const targets = ofFamily(addresses, 6).map((address) => `${address}/128`);
  if (lan !== undefined) targets.push(lan);
  return targets.map((target) => `route add ${target} via ${via} dev ${device}`);
}

/** End `b` of an uplink, in the hub. */
export function hubPortCommands6(wire: Wire, place: Destinations): string[] {
  const { device } = wire.b;
  const routes = routesVia(place, FAR, device);
  return routes.length === 0 ? [] : [...linkCommands(wire.b, NEAR, wire.a, FAR), ...routes];
}

/** A hub's end of the wire to another hub, and the ways to the places there. */
export function transitCommands6(
  wire: Wire,
  side: 'a' | 'b',
  places: readonly Destinations[],
): string[] {
  const [own, ownAddress, peer, peerAddress] =
    side === 'a' ? ([wire.a, NEAR, wire.b, FAR] as const) : ([wire.b, FAR, wire.a, NEAR] as const);
  return [
    ...linkCommands(own, ownAddress, peer, peerAddress),
    ...places.flatMap((place) => routesVia(place, peerAddress, own.device)),
  ];
}

/** The router's own address in its LAN: the first of the prefix. */
function lanGateway6(lan: Prefix): IpAddress {
  const bytes = addressBytes(prefixAddress(lan));
  bytes[15] = (bytes[15] ?? 0) | 1;
  return addressFromBytes(bytes);
}

/** A router's LAN side. */
export function lanCommands6({ ipv6 }: Network): string[] {
  if (ipv6 === undefined) return [];
  return [`addr add ${lanGateway6(ipv6.lan)}/${prefixBits(ipv6.lan)} dev br0 nodad`];
}

/** A machine in a LAN. */
export function lanMachineCommands6({ ipv6 }: Network, address: IpAddress | undefined): string[] {
  if (ipv6 === undefined || address === undefined) return [];
  return [
    `addr add ${address}/${prefixBits(ipv6.lan)} dev eth0 nodad`,
    `route add ::/0 via ${lanGateway6(ipv6.lan)} dev eth0 src ${address}`,
  ];
}
