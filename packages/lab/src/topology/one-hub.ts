/**
 * The world in which things go wrong: one region without delays, one hub, every kind of pair.
 *
 *     town
 *      ├─ hub         control + relay
 *      ├─ stranger    a public host that is no hub, and means no good
 *      ├─ open        public address, no firewall
 *      ├─ home-left   easy NAT ── left
 *      ├─ home-right  easy NAT ── right     left - right: direct, by punching
 *      └─ cloud       hard NAT ── hard      left - hard: through the hub's relay only
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';

export const oneHub: Topology = {
  name: 'one-hub',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [
    { name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] },
    { name: 'stranger', region: 'town', addresses: [ip('18.204.7.9')] },
  ],
  networks: [
    {
      name: 'home-left',
      region: 'town',
      addresses: [ip('54.160.20.12')],
      nat: 'easy',
      lan: cidr('192.168.11.0/24'),
    },
    {
      name: 'home-right',
      region: 'town',
      addresses: [ip('34.210.30.13')],
      nat: 'easy',
      lan: cidr('192.168.12.0/24'),
    },
    {
      name: 'cloud',
      region: 'town',
      addresses: [ip('52.41.2.13')],
      nat: 'hard',
      lan: cidr('10.0.2.0/24'),
    },
  ],
  machines: [
    { name: 'open', at: { kind: 'public', region: 'town', addresses: [ip('52.20.10.11')] } },
    { name: 'left', at: { kind: 'lan', network: 'home-left', address: ip('192.168.11.10') } },
    { name: 'right', at: { kind: 'lan', network: 'home-right', address: ip('192.168.12.10') } },
    { name: 'hard', at: { kind: 'lan', network: 'cloud', address: ip('10.0.2.10') } },
  ],
};
