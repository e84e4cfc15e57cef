/** Builds the status report from what the session's parts know. Pure. */
import type { Instant, WallTime } from '@warren/core/base/instant';
import { formatPath, type Path } from '@warren/core/engines/paths';
import { prefixAddress } from '@warren/core/ip/prefix';
import { formatPublicKey, type NodeKey } from '@warren/core/keys/keys';
import type { NatDescription } from '@warren/core/netmap/nat-description';
import type { SummarizedEndpoint } from '@warren/core/netcheck/summary';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import type { PeerPathStatus } from '@warren/core/path-engine/io';
import type {
  BackendState,
  DaemonSettings,
  EndpointStatus,
  HistoryEntry,
  PeerStatus,
  SelfStatus,
  StatusReport,
} from '../local-api/protocol.js';
import { endpointTypeName } from '../netcheck/endpoint-types.js';
import { natJson } from '../netcheck/nat-json.js';
import { fullName } from './find-peer.js';
import type { DatedPathChange } from './history.js';

export interface StatusInputs {
  readonly version: string;
  readonly state: BackendState;
  readonly loginServer: string | undefined;
  readonly authUrl: string | undefined;
  readonly settings: DaemonSettings;
  readonly netmap: Netmap | undefined;
  readonly endpoints: readonly SummarizedEndpoint[];
  readonly homeRegion: number | undefined;
  readonly udpPort: number | undefined;
  /** Undefined: no engine runs. */
  readonly nat?: NatDescription | undefined;
  readonly paths: ReadonlyMap<NodeKey, PeerPathStatus>;
  readonly health: readonly string[];
  readonly history: readonly DatedPathChange[];
  readonly counters: Readonly<Record<string, number>>;
  /** The two clocks at one moment: they date instants. */
  readonly now: Instant;
  readonly wallNow: WallTime;
}

export function buildStatus(inputs: StatusInputs): StatusReport {
  const { netmap } = inputs;
  const byKey = new Map([...(netmap?.peers.values() ?? [])].map((peer) => [peer.key, peer]));
  return {
    version: inputs.version,
    state: inputs.state,
    loginServer: inputs.loginServer ?? null,
    authUrl: inputs.authUrl ?? null,
    settings: inputs.settings,
    self: netmap === undefined ? null : selfStatus(inputs, netmap),
    peers: [...(netmap?.peers.values() ?? [])]
      .sort((a, b) => a.id - b.id)
      .map((peer) => peerStatus(inputs, netmap, peer)),
    health: inputs.health,
    history: inputs.history.map((entry) => historyEntry(netmap, byKey, entry)),
    counters: inputs.counters,
  };
}

/** The code of a region, or its number when the map has no such region. */
export function regionCode(netmap: Netmap | undefined, regionId: number): string {
  return netmap?.relayMap.regions.get(regionId)?.code ?? String(regionId);
}

function selfStatus(inputs: StatusInputs, netmap: Netmap): SelfStatus {
  const { self } = netmap;
  return {
    name: fullName(self),
    hostName: self.hostName,
    user: netmap.users.get(self.userId)?.loginName ?? '',
    addresses: self.addresses.map(prefixAddress),
    nodeKey: formatPublicKey('node', self.key),
    endpoints: inputs.endpoints.map(endpointStatus),
    udpPort: inputs.udpPort ?? null,
    nat: inputs.nat === undefined ? null : natJson(inputs.nat),
    relay: inputs.homeRegion === undefined ? null : regionCode(netmap, inputs.homeRegion),
  };
}

function endpointStatus({ endpoint, type, verified }: SummarizedEndpoint): EndpointStatus {
  return { addr: endpoint, type: endpointTypeName(type), verified: verified ?? null };
}

function peerStatus(
  inputs: StatusInputs,
  netmap: Netmap | undefined,
  peer: NetmapNode,
): PeerStatus {
  const now = inputs.paths.get(peer.key);
  const path = now?.path;
  return {
    name: fullName(peer),
    hostName: peer.hostName,
    os: peer.os,
    user: netmap?.users.get(peer.userId)?.loginName ?? '',
    addresses: peer.addresses.map(prefixAddress),
    nodeKey: formatPublicKey('node', peer.key),
    path: path?.kind ?? null,
    endpoint: path?.kind === 'direct' ? path.remote : null,
    relay: peer.homeRegion === undefined ? null : regionCode(netmap, peer.homeRegion),
    latencyMs: now?.latencyMs === undefined ? null : round(now.latencyMs),
    lastHandshake: isoTime(inputs, now?.lastHandshakeAt),
    rxBytes: now?.rxBytes ?? 0,
    txBytes: now?.txBytes ?? 0,
    online: peer.online ?? null,
    active: now?.active ?? false,
    lastSeen: peer.lastSeen === undefined ? null : new Date(peer.lastSeen).toISOString(),
  };
}

function historyEntry(
  netmap: Netmap | undefined,
  byKey: ReadonlyMap<NodeKey, NetmapNode>,
  { at, change }: DatedPathChange,
): HistoryEntry {
  const peer = byKey.get(change.peer);
  const show = (path: Path | undefined): string | null => {
    if (path === undefined) return null;
    return path.kind === 'relay' ? `relay ${regionCode(netmap, path.regionId)}` : formatPath(path);
  };
  return {
    at: new Date(at).toISOString(),
    peer: peer === undefined ? formatPublicKey('node', change.peer) : fullName(peer),
    from: show(change.from),
    to: show(change.to),
    cause: change.cause,
  };
}

function isoTime(inputs: StatusInputs, at: Instant | undefined): string | null {
  if (at === undefined) return null;
  return new Date(inputs.wallNow - (inputs.now - at)).toISOString();
}

/** Latencies are shown to a hundredth of a millisecond. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
