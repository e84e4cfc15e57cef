/** The world of one-hub.ts with a second hard NAT, for pairs that only a relay connects. */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { oneHub } from './one-hub.js';

export const twoClouds: Topology = {
  ...oneHub,
  name: 'two-clouds',
  networks: [
    ...oneHub.networks,
    {
      name: 'office',
      region: 'town',
      addresses: [ip('44.230.8.14')],
      nat: 'hard',
      lan: cidr('10.0.3.0/24'),
    },
  ],
  machines: [
    ...oneHub.machines,
    { name: 'harder', at: { kind: 'lan', network: 'office', address: ip('10.0.3.10') } },
  ],
};
