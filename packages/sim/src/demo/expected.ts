/** What two machines of a topology have, whichever of their ports has to be guessed. */
import { natOf, portMappingOf, type Topology } from '../topology/types.js';

/** How the demo expects a pair to talk. */
export function expectedPath(topology: Topology, from: string, to: string): 'direct' | 'relay' {
  if (isOpen(topology, from) || isOpen(topology, to)) return 'direct';
  // Two random ports are too many to guess; one is met by many sockets (the birthday method).
  const areHard = natOf(topology, from) === 'hard' && natOf(topology, to) === 'hard';
  return areHard ? 'relay' : 'direct';
}

/** Anybody reaches it: no NAT in front of it, a load balancer that it knows of, or a router that maps its port. */
function isOpen(topology: Topology, machine: string): boolean {
  if (natOf(topology, machine) === 'none') return true;
  if (mapsPorts(topology, machine)) return true;
  const configured = topology.machines.find(({ name }) => name === machine)?.staticEndpoints;
  return configured !== undefined && configured.length > 0;
}

/** The router can be asked for a port, tells the truth of it, and is the only NAT. */
function mapsPorts({ machines, networks }: Topology, machine: string): boolean {
  const at = machines.find(({ name }) => name === machine)?.at;
  const network = networks.find(({ name }) => at?.kind === 'lan' && name === at.network);
  if (network === undefined || network.carrier !== undefined) return false;
  const service = portMappingOf(network);
  if (service === undefined || service.protocols.length === 0) return false;
  return service.dead !== true && service.tells === undefined;
}
