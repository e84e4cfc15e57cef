/** Whom a sweep asks: chosen from a report, whose answers say who is there and how far. Pure. */
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, endpointPort, type IpFamily } from '../ip/address.js';
import type { RelayMap, RelayNode } from '../netmap/types.js';
import { otherServersMax, type SweepServers } from './nat-sweep.js';
import type { MappingObservation, NetcheckReport } from './report.js';

/** A relay that answered, as the map describes it. */
interface Candidate {
  readonly observation: MappingObservation;
  readonly node: RelayNode | undefined;
}

/** Undefined: nobody answered over the family. `dialBackRegions`: connected, and they dial back. */
export function chooseSweepServers(
  report: NetcheckReport,
  relayMap: RelayMap,
  family: IpFamily,
  dialBackRegions: ReadonlySet<RegionId>,
): SweepServers | undefined {
  const candidates = report.observations
    .filter((observation) => observation.family === family)
    .sort((a, b) => a.latencyMs - b.latencyMs)
    .map((observation): Candidate => ({ observation, node: nodeOf(observation, relayMap) }));
  const alternateOf = ({ node }: Candidate) =>
    family === 4 ? node?.alternateIpv4 : node?.alternateIpv6;
  const addressOf = ({ observation }: Candidate) => endpointAddress(observation.server);
  const isConnected = ({ observation }: Candidate): boolean =>
    dialBackRegions.has(observation.regionId);
  const withPort = candidates.filter(({ node }) => node?.alternateStunPort !== undefined);
  // The relays that dial back are the others, so the one asked is best none of them.
  const main =
    withPort.find((one) => alternateOf(one) !== undefined) ??
    withPort.find((one) => !isConnected(one)) ??
    withPort[0] ??
    candidates.find((one) => !isConnected(one)) ??
    candidates[0];
  if (main === undefined) return undefined;
  const others = new Map<string, Endpoint>();
  for (const one of candidates) {
    if (addressOf(one) !== addressOf(main)) others.set(addressOf(one), one.observation.server);
  }
  const dialBack = candidates.find((one) => isConnected(one) && addressOf(one) !== addressOf(main));
  return {
    main: main.observation.server,
    latencyMs: main.observation.latencyMs,
    alternatePort: main.node?.alternateStunPort,
    alternateAddress: alternateOf(main),
    others: [...others.values()].slice(0, otherServersMax),
    dialBackRegion: dialBack?.observation.regionId,
  };
}

/** The relay of the map that answered; undefined when names hide which of several it is. */
function nodeOf({ regionId, server, family }: MappingObservation, relayMap: RelayMap) {
  const nodes = (relayMap.regions.get(regionId)?.nodes ?? []).filter(
    ({ stunPort }) => stunPort === endpointPort(server),
  );
  const address = endpointAddress(server);
  const listed = nodes.find((node) => (family === 4 ? node.ipv4 : node.ipv6) === address);
  return listed ?? nodes.find(({ hostName }) => hostName === address) ?? onlyOf(nodes);
}

function onlyOf(nodes: readonly RelayNode[]): RelayNode | undefined {
  return nodes.length === 1 ? nodes[0] : undefined;
}
