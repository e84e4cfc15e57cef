/** The regions of other relays that operators give a hub, and the map that nodes get of them. */
import { Counters } from '@warren/core/base/counters';
import { asArray, asInteger, asObject } from '@warren/core/base/json';
import { decodeRelayMap } from '@warren/core/netmap/decode-relay-map';
import type { WireRegion, WireRelayMap } from '@warren/core/netmap/wire';
import { ControlError } from '../errors.js';

/** A region from a file; throws {@link ControlError} unless clients would take it. */
export function checkRegion(value: unknown): WireRegion {
  const given = asObject(value);
  const id = asInteger(given?.['RegionID'], 1);
  const map = decodeRelayMap({ Regions: { [String(id)]: given } }, new Counters());
  const usable = id === undefined ? undefined : map?.regions.get(id)?.nodes.length;
  if (usable !== undefined && usable > 0 && usable === asArray(given?.['Nodes']).length) {
    return given as unknown as WireRegion;
  }
  throw new ControlError(
    'CONTROL_SETTING',
    'an extra relay region is not as a relay writes it',
    'Give the derp-region.json that `warren relay` wrote into its state directory.',
  );
}

/** The map of these regions; of two with one id the later counts. */
export function relayMapOf(regions: readonly WireRegion[]): WireRelayMap {
  const byId = new Map(regions.map((region) => [region.RegionID, region]));
  return { Regions: Object.fromEntries(byId), omitDefaultRegions: true };
}
