/**
 * A world for looking at NATs: one machine behind each profile and one in the open, and a server with the
 * two addresses that NAT discovery needs. No delays.
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { NatProfile, Topology } from '@warren/sim/topology/types';

/** The profiles, each with a network of that name and a machine `behind-PROFILE`. */
export const zooProfiles: readonly NatProfile[] = ['easy', 'hard', 'full-cone', 'restricted-cone'];

export const natZoo: Topology = {
  name: 'nat-zoo',
  regions: [{ name: 'zoo' }],
  links: [],
  hosts: [{ name: 'server', region: 'zoo', addresses: [ip('3.210.5.10'), ip('3.210.5.11')] }],
  networks: zooProfiles.map((nat, index) => ({
    name: nat,
    region: 'zoo',
    addresses: [ip(`52.41.2.${10 + index}`)],
    nat,
    lan: cidr(`192.168.${10 + index}.0/24`),
  })),
  machines: [
    { name: 'in-the-open', at: { kind: 'public', region: 'zoo', addresses: [ip('52.20.10.11')] } },
    ...zooProfiles.map((nat, index) => ({
      name: `behind-${nat}`,
      at: { kind: 'lan', network: nat, address: ip(`192.168.${10 + index}.10`) } as const,
    })),
  ],
};
