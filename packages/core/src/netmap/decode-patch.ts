/**
 * Control's PeersChangedPatch entries: light changes of one peer. An absent or unusable field means
 * "unchanged", so a patch can set and replace but not clear.
 */
import type { Counters } from '../base/counters.js';
import type { WallTime } from '../base/instant.js';
import { asBoolean, asInteger, asObject } from '../base/json.js';
import type { RegionId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { DiscoKey, NodeKey } from '../keys/keys.js';
import { readEndpoints, readKey, readTime } from './decode-node.js';
import type { NatDescription } from './nat-description.js';
import { decodeNat } from './nat-json.js';

export interface PeerPatch {
  readonly id: number;
  readonly homeRegion: RegionId | undefined;
  readonly capVersion: number | undefined;
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly key: NodeKey | undefined;
  readonly discoKey: DiscoKey | undefined;
  readonly online: boolean | undefined;
  readonly lastSeen: WallTime | undefined;
  readonly keyExpiry: WallTime | undefined;
  readonly nat: NatDescription | undefined;
}

/** Decodes one patch; undefined when it names no node. */
export function decodePatch(value: unknown, counters: Counters): PeerPatch | undefined {
  const patch = asObject(value);
  const id = asInteger(patch?.['NodeID'], 1);
  if (patch === undefined || id === undefined) return undefined;
  return {
    id,
    homeRegion: asInteger(patch['DERPRegion'], 1),
    capVersion: asInteger(patch['Cap'], 1),
    endpoints: Array.isArray(patch['Endpoints'])
      ? readEndpoints(patch['Endpoints'], counters)
      : undefined,
    key: readKey('node', patch['Key']),
    discoKey: readKey('disco', patch['DiscoKey']),
    online: asBoolean(patch['Online']),
    lastSeen: readTime(patch['LastSeen']),
    keyExpiry: readTime(patch['KeyExpiry']),
    nat: decodeNat(patch['WarrenNat']),
  };
}
