/**
 * The world of the data plane's benches: two machines in the open and a hub, next to each other, so that
 * nothing but tunnels takes time.
 *
 *     here
 *      ├─ hub      control and relay, where a contender needs them
 *      ├─ left     sends
 *      └─ right    receives
 */
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';

export const LEFT = 'left';
export const RIGHT = 'right';

export const twoMachines: Topology = {
  name: 'two-machines',
  regions: [{ name: 'here' }],
  links: [],
  hosts: [{ name: 'hub', region: 'here', addresses: [ip('3.210.5.10')] }],
  networks: [],
  machines: [
    { name: LEFT, at: { kind: 'public', region: 'here', addresses: [ip('52.20.10.11')] } },
    { name: RIGHT, at: { kind: 'public', region: 'here', addresses: [ip('34.210.30.13')] } },
  ],
};
