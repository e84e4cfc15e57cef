/**
 * NAT64 (RFC 6146) out of two steps: tayga translates 64:ff9b::/96 without state (RFC 7915), each machine to
 * an IPv4 address of its own, and the router's NAT profile translates that address as that of any LAN. Pure;
 * `world/nat64-translators.ts` starts tayga.
 *
 *     machine ── br0 │ IPv6 firewall │ nat64 ── tayga ── nat64 │ NAT profile │ wan
 *
 * A machine's IPv4 address is the one that the topology gives it and that its interface never has.
 */
import { addressBytes, addressFromBytes, type IpAddress } from '@warren/core/ip/address';
import { prefixAddress } from '@warren/core/ip/prefix';
import type { Network, Topology } from '@warren/sim/topology/types';

/** The prefix of RFC 6052 §2.1. */
export const NAT64_PREFIX = '64:ff9b::/96';

/** The TUN device that tayga serves. */
export const NAT64_DEVICE = 'nat64';

/** Of tayga's own address in the LAN's /64, from which it sends ICMPv6 errors. */
const OWN_HOST = 0x64;

/** How an IPv6 machine names an IPv4 address. */
export function throughNat64(address: IpAddress): string {
  return `${NAT64_PREFIX.replace('/96', '')}${address}`;
}

/** The device and its routes. */
export function nat64Commands({ lan }: Network): string[] {
  return [
    `tuntap add dev ${NAT64_DEVICE} mode tun`,
    `link set ${NAT64_DEVICE} up`,
    `route add ${lan} dev ${NAT64_DEVICE}`,
    `route add ${NAT64_PREFIX} dev ${NAT64_DEVICE}`,
  ];
}

/** Forwards between the LAN and tayga; towards the internet the router's own rules hold. */
export const nat64Forwards: readonly string[] = [
  `iifname "br0" oifname "${NAT64_DEVICE}" accept`,
  `iifname "${NAT64_DEVICE}" accept`,
];

/** tayga's configuration; `gateway` is its own address among the machines'. */
export function nat64Config(topology: Topology, network: Network, gateway: IpAddress): string {
  const { ipv6 } = network;
  const own = addressBytes(prefixAddress(ipv6?.lan ?? network.lan));
  own[own.length - 1] = OWN_HOST;
  const maps = topology.machines.flatMap(({ at }) =>
    at.kind === 'lan' && at.network === network.name && at.ipv6 !== undefined
      ? [`map ${at.address} ${at.ipv6}`]
      : [],
  );
  const lines = [
    `tun-device ${NAT64_DEVICE}`,
    `ipv4-addr ${gateway}`,
    `ipv6-addr ${addressFromBytes(own)}`,
    `prefix ${NAT64_PREFIX}`,
    ...maps,
  ];
  return lines.map((line) => `${line}\n`).join('');
}
