/**
 * The world of the figures about time: four homes behind easy NATs, each two 62 ms apart, and two relays 15 ms from
 * the middle, so that a relayed round trip takes twice as long as a direct one.
 *
 *     town
 *      ├─ hub, relay      15 ms
 *      ├─ home-ours-a   15.5 ms, easy NAT ── ours-a      ours-a - ours-b:   Warren
 *      ├─ home-ours-b   15.5 ms, easy NAT ── ours-b
 *      ├─ home-stock-a  15.5 ms, easy NAT ── stock-a     stock-a - stock-b: stock clients
 *      └─ home-stock-b  15.5 ms, easy NAT ── stock-b
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';

const RELAY_ACCESS_MS = 15;
const HOME_ACCESS_MS = 15.5;
const names = ['ours-a', 'ours-b', 'stock-a', 'stock-b'];

/** Round trips by the wires alone. */
export const directRttMs = 4 * HOME_ACCESS_MS;
export const relayRttMs = directRttMs + 4 * RELAY_ACCESS_MS;

export const fourHomes: Topology = {
  name: 'four-homes',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [ip('3.210.5.10'), ip('18.204.7.9')].map((address, index) => ({
    name: index === 0 ? 'hub' : 'relay',
    region: 'town',
    addresses: [address],
    accessOneWayMs: RELAY_ACCESS_MS,
  })),
  networks: names.map((name, index) => ({
    name: `home-${name}`,
    region: 'town',
    addresses: [ip(`54.160.20.${12 + index}`)],
    accessOneWayMs: HOME_ACCESS_MS,
    nat: 'easy',
    lan: cidr(`192.168.${11 + index}.0/24`),
  })),
  machines: names.map((name, index) => ({
    name,
    at: { kind: 'lan', network: `home-${name}`, address: ip(`192.168.${11 + index}.10`) },
  })),
};
