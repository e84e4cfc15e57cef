/**
 * A world with both families, in which IPv4 alone would not do:
 *
 *     town ──── 10 ms ──── city
 *      │                    └─ home-right  hard NAT, IPv6 behind a stateful firewall ── right
 *      ├─ hub         both families, 15 ms away
 *      ├─ home-left   hard NAT, IPv6 behind a stateful firewall ── left
 *      └─ six         IPv6 and nothing else
 *
 * left - right: hard NATs on both sides, so direct only by IPv6. six: by IPv6 with everybody.
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';

export const dualStack: Topology = {
  name: 'dual-stack',
  regions: [{ name: 'town' }, { name: 'city' }],
  links: [{ between: ['town', 'city'], oneWayMs: 10 }],
  hosts: [
    {
      name: 'hub',
      region: 'town',
      addresses: [ip('3.210.5.10'), ip('2a02:8109:b510::10')],
      accessOneWayMs: 15,
    },
  ],
  networks: [
    {
      name: 'home-left',
      region: 'town',
      addresses: [ip('54.160.20.12')],
      nat: 'hard',
      lan: cidr('192.168.11.0/24'),
      ipv6: { lan: cidr('2a02:8109:b511:1::/64'), firewalled: true },
    },
    {
      name: 'home-right',
      region: 'city',
      addresses: [ip('34.210.30.13')],
      nat: 'hard',
      lan: cidr('192.168.12.0/24'),
      ipv6: { lan: cidr('2a02:8109:b512:1::/64'), firewalled: true },
    },
  ],
  machines: [
    {
      name: 'left',
      at: {
        kind: 'lan',
        network: 'home-left',
        address: ip('192.168.11.10'),
        ipv6: ip('2a02:8109:b511:1::a'),
      },
    },
    {
      name: 'right',
      at: {
        kind: 'lan',
        network: 'home-right',
        address: ip('192.168.12.10'),
        ipv6: ip('2a02:8109:b512:1::a'),
      },
    },
    { name: 'six', at: { kind: 'public', region: 'town', addresses: [ip('2a02:8109:b513::6')] } },
  ],
};
