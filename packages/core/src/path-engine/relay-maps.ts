/** Questions about relay maps. */
import type { RegionId } from '../engines/paths.js';
import type { RelayMap } from '../netmap/types.js';

/** Same regions and relays: a map that came again unchanged starts nothing. */
export function sameRelayMap(a: RelayMap, b: RelayMap): boolean {
  return a === b || JSON.stringify([...a.regions]) === JSON.stringify([...b.regions]);
}

/** Regions that packets can cross; some only do STUN. */
export function regionsWithRelay(relayMap: RelayMap): ReadonlySet<RegionId> {
  const regions = [...relayMap.regions.values()];
  const relays = regions.filter((region) => region.nodes.some((node) => !node.stunOnly));
  return new Set(relays.map((region) => region.id));
}
