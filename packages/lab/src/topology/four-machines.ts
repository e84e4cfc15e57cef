/** A smaller part of the demo's world, for tests that need two regions and three kinds of places. */
import { sevenMachines } from '@warren/sim/topology/seven-machines';
import type { Topology } from '@warren/sim/topology/types';

const machines = ['nonat-east', 'easynat-east', 'easynat-west', 'hardnat-west'];
const networks = ['home-east', 'home-west', 'cloud-west'];

export const fourMachines: Topology = {
  ...sevenMachines,
  name: 'four-machines',
  networks: sevenMachines.networks.filter(({ name }) => networks.includes(name)),
  machines: sevenMachines.machines.filter(({ name }) => machines.includes(name)),
};
