/**
 * The world in which relays and links fail: `one-hub`'s machines, two relays nearer than the hub's, and delays,
 * so that everybody has a reason to call the nearest home and every wire can be disturbed.
 *
 *     town
 *      ├─ hub    25 ms   control + relay
 *      ├─ near    5 ms   a relay
 *      ├─ spare   8 ms   a relay
 *      ├─ home-left   5 ms, easy NAT ── left
 *      ├─ home-right  5 ms, easy NAT ── right     left - right: direct, by punching
 *      └─ cloud       5 ms, hard NAT ── hard      left - hard: through a relay only
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';

const ACCESS_MS = 5;

export const threeRelays: Topology = {
  name: 'three-relays',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [
    { name: 'hub', region: 'town', addresses: [ip('3.210.5.10')], accessOneWayMs: 5 * ACCESS_MS },
    { name: 'near', region: 'town', addresses: [ip('18.204.7.9')], accessOneWayMs: ACCESS_MS },
    { name: 'spare', region: 'town', addresses: [ip('18.204.7.10')], accessOneWayMs: 8 },
  ],
  networks: [
    {
      name: 'home-left',
      region: 'town',
      addresses: [ip('54.160.20.12')],
      accessOneWayMs: ACCESS_MS,
      nat: 'easy',
      lan: cidr('192.168.11.0/24'),
    },
    {
      name: 'home-right',
      region: 'town',
      addresses: [ip('34.210.30.13')],
      accessOneWayMs: ACCESS_MS,
      nat: 'easy',
      lan: cidr('192.168.12.0/24'),
    },
    {
      name: 'cloud',
      region: 'town',
      addresses: [ip('52.41.2.13')],
      accessOneWayMs: ACCESS_MS,
      nat: 'hard',
      lan: cidr('10.0.2.0/24'),
    },
  ],
  machines: [
    { name: 'left', at: { kind: 'lan', network: 'home-left', address: ip('192.168.11.10') } },
    { name: 'right', at: { kind: 'lan', network: 'home-right', address: ip('192.168.12.10') } },
    { name: 'hard', at: { kind: 'lan', network: 'cloud', address: ip('10.0.2.10') } },
  ],
};
