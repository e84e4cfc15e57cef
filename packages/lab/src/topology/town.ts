/** Parts of worlds with the one region `town`, without delays: homes behind easy NATs, and machines in them. */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';

/** A router with an easy NAT at a public address, and the network behind it. */
export function easyHome(name: string, address: string, lan: string): Topology['networks'][number] {
  return { name, region: 'town', addresses: [ip(address)], nat: 'easy', lan: cidr(lan) };
}

/** A place in the network behind a router. */
export function inLan(network: string, address: string): Topology['machines'][number]['at'] {
  return { kind: 'lan', network, address: ip(address) };
}
