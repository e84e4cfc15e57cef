/** The demo's two worlds: the seven machines, with home routers that can be asked for ports, and without. */
import { sevenMachines } from '../topology/seven-machines.js';
import type { Network, Topology } from '../topology/types.js';
import { expectedPath } from './expected.js';
import type { Expect } from './report.js';

/** A world, and what its owner expects of its pairs. */
export interface DemoWorld {
  readonly topology: Topology;
  readonly expect: Expect;
}

export const demoWorld: DemoWorld = { topology: sevenMachines, expect: expectedPath };

/** The same machines where no router maps a port: only searching leads through the hard NATs. */
export const demoWorldWithoutPortMapping: DemoWorld = {
  ...demoWorld,
  topology: { ...sevenMachines, networks: sevenMachines.networks.map(withoutPortMapping) },
};

function withoutPortMapping({ portMapping: _server, ...network }: Network): Network {
  return network;
}
