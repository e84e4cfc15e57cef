/**
 * Relay certificates that are known by their hash (`CertName: sha256-raw:…`), and clients that don't know of such: stock
 * ones below 1.82 take the hash for a host name, which no certificate has. Told nothing of it, they verify the relay as
 * they verify the control server, whose certificate the hub's own relay has.
 */
import type { WireRegion, WireRelayMap } from '../../netmap/wire.js';
import type { NodeRecord } from './state.js';

const PIN = 'sha256-raw:';
/** Of stock 1.82, the first that knows pins. */
const CAP_VERSION_OF_PINS = 115;
/** What Warren's nodes call themselves; they have always known pins. */
const OWN_APP = 'warren';

export function knowsPins({ capVersion, hostInfo }: NodeRecord): boolean {
  return capVersion >= CAP_VERSION_OF_PINS || hostInfo['App'] === OWN_APP;
}

/** The same relays, none of them pinned. */
export function withoutPins(map: WireRelayMap): WireRelayMap {
  const regions = Object.entries(map.Regions).map(([id, region]): [string, WireRegion] => [
    id,
    {
      ...region,
      Nodes: region.Nodes.map(({ CertName, ...node }) =>
        CertName === undefined || CertName.startsWith(PIN) ? node : { ...node, CertName },
      ),
    },
  ]);
  return { ...map, Regions: Object.fromEntries(regions) };
}
