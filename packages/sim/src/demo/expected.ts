/** What two machines of a topology can have without port mapping and without guessing ports. */
import { natOf, type Topology } from '../topology/types.js';

/** How the demo expects a pair to talk. */
export function expectedPath(topology: Topology, from: string, to: string): 'direct' | 'relay' {
  if (isOpen(topology, from) || isOpen(topology, to)) return 'direct';
  const isHard = natOf(topology, from) === 'hard' || natOf(topology, to) === 'hard';
  return isHard ? 'relay' : 'direct';
}

/** Anybody reaches it: no NAT in front of it, or a load balancer that it knows of. */
function isOpen(topology: Topology, machine: string): boolean {
  if (natOf(topology, machine) === 'none') return true;
  const configured = topology.machines.find(({ name }) => name === machine)?.staticEndpoints;
  return configured !== undefined && configured.length > 0;
}
