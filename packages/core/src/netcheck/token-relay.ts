/**
 * Which relay's STUN server gives tokens for addresses that peers can have confirmed (stun/address-tokens.ts): one of
 * Warren's (the map says that it dials back, and whoever does knows tokens). A relay confirms only its own, so its
 * region has no other. Pure.
 */
import type { RegionId } from '../engines/paths.js';
import type { RelayMap, RelayNode } from '../netmap/types.js';

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
