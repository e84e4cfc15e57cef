/**
 * Routers, as text for `ip -batch`. Pure.
 *
 *     hub ── wan │router│ br0 ── machines
 *     hub ── wan │carrier│ br0 ── wan │router│ br0 ── machines       behind a carrier's NAT
 *     hub ── wan │router│ nat64 (tayga), br0 ── machines             IPv6 alone in the LAN
 *
 * Between a carrier and a router IPv6 has the same link-local addresses as everywhere, and is not translated.
 */
import { addressBytes, addressFromBytes, type IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixAddress, prefixBits } from '@warren/core/ip/prefix';
import type { CarrierNat, Network } from '@warren/sim/topology/types';
import { FAR, lanCommands6, NEAR } from './ipv6.js';
import { nat64Commands } from './nat64.js';
import type { Plan } from './plan.js';
import { uplinkCommands } from './uplink.js';

/** An address of a prefix; 1 is the first. */
function addressIn(prefix: Prefix, number: number): IpAddress {
  const bytes = addressBytes(prefixAddress(prefix));
  bytes[3] = (bytes[3] ?? 0) | number;
  return addressFromBytes(bytes);
}

/** The router's own address in its LAN: the first of the prefix. */
export function lanGateway({ lan }: Pick<Network, 'lan'>): IpAddress {
  return addressIn(lan, 1);
}

/** A router's address towards its carrier: the second of the prefix. */
export function carrierCustomer({ lan }: CarrierNat): IpAddress {
  return addressIn(lan, 2);
}

/** The address that a network's router has on its own WAN; undefined: no IPv4. */
export function outsideOf({ addresses, carrier }: Network): IpAddress | undefined {
  return carrier === undefined ? addresses[0] : carrierCustomer(carrier);
}

function bridgeCommands(ports: readonly string[]): string[] {
  return [
    'link add br0 type bridge',
    'link set br0 up',
    ...ports.flatMap((device) => [`link set ${device} master br0`, `link set ${device} up`]),
  ];
}

/** A router's way to the internet: by its own uplink, or through its carrier. */
function wayOut(plan: Plan, network: Network): string[] {
  const { carrier, ipv6 } = network;
  if (carrier === undefined) {
    const uplink = plan.uplinks.get(network.name);
    return uplink === undefined ? [] : uplinkCommands(uplink, { ...network, lan: ipv6?.lan });
  }
  return [
    `addr add ${carrierCustomer(carrier)}/${prefixBits(carrier.lan)} dev wan`,
    'link set wan up',
    `route add default via ${lanGateway(carrier)} dev wan`,
    ...(ipv6 === undefined
      ? []
      : [`addr add ${FAR}/64 dev wan nodad`, `route add ::/0 via ${NEAR} dev wan`]),
  ];
}

/** What a network's router is told. */
export function routerCommands(plan: Plan, network: Network): string[] {
  const ports = plan.topology.machines.flatMap(({ name, at }) => {
    const wire = plan.lanWires.get(name);
    const isMember = at.kind === 'lan' && at.network === network.name;
    return isMember && wire !== undefined ? [wire.b.device] : [];
  });
  return [
    ...wayOut(plan, network),
    ...bridgeCommands(ports),
    ...(network.nat64 === true
      ? nat64Commands(network)
      : [`addr add ${lanGateway(network)}/${prefixBits(network.lan)} dev br0`]),
    ...lanCommands6(network),
  ];
}

/** What the carrier in front of a network is told. */
export function carrierCommands(plan: Plan, network: Network): string[] {
  const { carrier, ipv6 } = network;
  const uplink = plan.uplinks.get(network.name);
  const customer = plan.carrierWires.get(network.name);
  if (carrier === undefined || uplink === undefined || customer === undefined) return [];
  return [
    ...uplinkCommands(uplink, { ...network, lan: ipv6?.lan }),
    ...bridgeCommands([customer.b.device]),
    `addr add ${lanGateway(carrier)}/${prefixBits(carrier.lan)} dev br0`,
    ...(ipv6 === undefined
      ? []
      : [`addr add ${NEAR}/64 dev br0 nodad`, `route add ${ipv6.lan} via ${FAR} dev br0`]),
  ];
}
