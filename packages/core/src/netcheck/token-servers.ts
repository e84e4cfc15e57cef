/**
 * Which STUN servers give tokens for addresses that peers can have confirmed: those of Warren's relays (the map says
 * that they dial back, and whoever does knows tokens). A relay confirms only its own, so its region has no other.
 * Pure.
 */
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, endpointPort, familyOf } from '../ip/address.js';
import type { RelayMap, RelayNode } from '../netmap/types.js';
import type { MappingObservation } from './report.js';

/** Larger numbers of regions have no room in a proof (disco/ping-extension.ts). */
const regionIdMax = 65_535;

/** The relay that gives and confirms tokens in a region; undefined: none does. */
export function tokenRelayOf(
  relayMap: RelayMap | undefined,
  regionId: RegionId,
): RelayNode | undefined {
  if (regionId > regionIdMax) return undefined;
  const nodes = relayMap?.regions.get(regionId)?.nodes ?? [];
  const [relay, ...others] = nodes.filter(({ stunOnly }) => !stunOnly);
  const isOurs = relay?.dialsBack === true && relay.stunPort !== undefined;
  return isOurs && others.length === 0 ? relay : undefined;
}

/** Of the servers that answered: those that give tokens, with their regions. */
export function tokenServers(
  observations: readonly MappingObservation[],
  relayMap: RelayMap | undefined,
): ReadonlyMap<Endpoint, RegionId> {
  const servers = new Map<Endpoint, RegionId>();
  for (const { server, regionId } of observations) {
    const relay = tokenRelayOf(relayMap, regionId);
    if (relay !== undefined && isServerOf(server, relay, relayMap)) servers.set(server, regionId);
  }
  return servers;
}

/** A name that was looked up tells nothing, unless no other server of the region can have answered. */
function isServerOf(server: Endpoint, relay: RelayNode, relayMap: RelayMap | undefined): boolean {
  if (relay.stunPort !== endpointPort(server)) return false;
  const address = endpointAddress(server);
  const literal = familyOf(address) === 4 ? relay.ipv4 : relay.ipv6;
  if (literal === address || relay.hostName === address) return true;
  const nodes = relayMap?.regions.get(relay.regionId)?.nodes ?? [];
  return typeof literal !== 'string' && nodes.length === 1;
}
