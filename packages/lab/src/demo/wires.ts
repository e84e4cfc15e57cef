/** What the lab's wires alone take between two machines, from the topology: the yardstick of directness. */
import { assert } from '@warren/core/base/assert';
import { regionOf, type Topology } from '@warren/sim/topology/types';

/** Both directions of the direct way, in milliseconds; processing in routers and daemons not counted. */
export function wireRttMs(topology: Topology, from: string, to: string): number {
  const oneWayMs =
    accessOneWayMs(topology, from) +
    regionsOneWayMs(topology, from, to) +
    accessOneWayMs(topology, to);
  return 2 * oneWayMs;
}

function regionsOneWayMs(topology: Topology, from: string, to: string): number {
  const [a, b] = [regionOf(topology, from), regionOf(topology, to)];
  if (a === b) return 0;
  const link = topology.links.find(
    ({ between }) => between.includes(a ?? '') && between.includes(b ?? ''),
  );
  assert(link !== undefined, `no link between the regions of ${from} and ${to}`);
  return link.oneWayMs;
}

function accessOneWayMs(topology: Topology, name: string): number {
  const at = topology.machines.find((machine) => machine.name === name)?.at;
  if (at?.kind === 'public') return at.accessOneWayMs ?? 0;
  const network = topology.networks.find((candidate) => candidate.name === at?.network);
  return network?.accessOneWayMs ?? 0;
}
