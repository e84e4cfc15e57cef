/**
 * A world for looking at NATs: a machine `behind-PROFILE` for each profile, one in the open, one with a public
 * address and a firewall, and a server with the two addresses that NAT discovery needs. No delays.
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import { NAT_PROFILES, type Topology } from '@warren/sim/topology/types';

export const natZoo: Topology = {
  name: 'nat-zoo',
  regions: [{ name: 'zoo' }],
  links: [],
  hosts: [{ name: 'server', region: 'zoo', addresses: [ip('3.210.5.10'), ip('3.210.5.11')] }],
  networks: NAT_PROFILES.map((nat, index) => ({
    name: nat,
    region: 'zoo',
    // Where there is a pool, four of them.
    addresses: (nat === 'hard-pool' ? [0, 50, 100, 150] : [0]).map((more) =>
      ip(`52.41.2.${10 + index + more}`),
    ),
    nat,
    lan: cidr(`192.168.${10 + index}.0/24`),
  })),
  machines: [
    { name: 'in-the-open', at: { kind: 'public', region: 'zoo', addresses: [ip('52.20.10.11')] } },
    {
      name: 'behind-firewall',
      at: { kind: 'public', region: 'zoo', addresses: [ip('52.20.10.12')], firewalled: true },
    },
    ...NAT_PROFILES.map((nat, index) => ({
      name: `behind-${nat}`,
      at: { kind: 'lan', network: nat, address: ip(`192.168.${10 + index}.10`) } as const,
    })),
  ],
};
