/** What only some routers do: carriers in front of them, NAT64, port mapping, the traffic of others. */
import { familyOf } from '@warren/core/ip/address';
import { prefixAddress, prefixBits, prefixContains } from '@warren/core/ip/prefix';
import { type Network, portMappingOf, type Topology } from '@warren/sim/topology/types';
import { isReserved, isUnrouted } from './address-space.js';
import { refuse } from './refusal.js';

/** New flows a second that one process of the lab opens without being late. */
const MOST_FLOWS_PER_SECOND = 1000;

/** What `limit` of nft counts to in bursts, generously. */
const MOST_KNOCKS = 1000;

/** A carrier's prefix holds the carrier, its customer, and two addresses that nobody has. */
const LONGEST_CARRIER_BITS = 30;

/** Throws LAB_TOPOLOGY unless the lab can build what the network's router does. */
export function checkRouter(topology: Topology, network: Network): void {
  const { name, crossTrafficPerSecond: rate = 0 } = network;
  if (!(rate >= 0 && rate <= MOST_FLOWS_PER_SECOND)) {
    refuse(`the traffic of others in ${name} is not 0 to ${MOST_FLOWS_PER_SECOND} flows a second`);
  }
  const { bansAfter } = network;
  const isCount = bansAfter === undefined || (Number.isInteger(bansAfter) && bansAfter >= 1);
  if (!isCount || (bansAfter ?? 0) > MOST_KNOCKS) {
    refuse(`${name} bans after ${bansAfter} packets, which is not 1 to ${MOST_KNOCKS}`);
  }
  checkCarrier(network);
  checkNat64(topology, network);
  const { tells } = portMappingOf(network) ?? {};
  // The real server refuses to tell an address that nobody could reach.
  if (tells !== undefined && (familyOf(tells) !== 4 || isReserved(tells))) {
    refuse(`the router of ${name} can't tell ${tells}, which is no public IPv4 address`);
  }
}

function checkCarrier({ name, carrier, lan, balancers = [] }: Network): void {
  if (carrier === undefined) return;
  const first = prefixAddress(carrier.lan);
  if (familyOf(first) !== 4 || prefixBits(carrier.lan) > LONGEST_CARRIER_BITS) {
    refuse(
      `the carrier's LAN of ${name} is not an IPv4 prefix of /${LONGEST_CARRIER_BITS} or shorter`,
    );
  }
  if (!isUnrouted(first)) refuse(`the carrier's LAN of ${name}, ${carrier.lan}, is public`);
  if (prefixContains(carrier.lan, prefixAddress(lan)) || prefixContains(lan, first)) {
    refuse(`${name} and its carrier have the same prefix`);
  }
  if (balancers.length > 0) refuse(`${name} has a balancer behind a carrier's NAT`);
}

function checkNat64({ machines }: Topology, network: Network): void {
  const { name, nat64, ipv6, balancers = [], hairpin } = network;
  if (nat64 !== true) return;
  if (ipv6 === undefined) refuse(`${name} has NAT64, but no IPv6`);
  for (const { name: machine, at } of machines) {
    if (at.kind === 'lan' && at.network === name && at.ipv6 === undefined) {
      refuse(`${machine} has no address at all: ${name} has IPv6 alone`);
    }
  }
  const alsoHas = [
    ...(balancers.length > 0 ? ['a balancer'] : []),
    ...(portMappingOf(network) === undefined ? [] : ['port mapping']),
    ...(hairpin === true ? ['hairpin'] : []),
  ];
  if (alsoHas.length > 0)
    refuse(`${name} has NAT64 and ${alsoHas.join(', ')}: for IPv4 machines only`);
}
