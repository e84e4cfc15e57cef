/** Builds the status report from what the session's parts know. Pure. */
import type { Instant, WallTime } from '@warren/core/base/instant';
import { prefixAddress } from '@warren/core/ip/prefix';
import { formatPublicKey, type NodeKey } from '@warren/core/keys/keys';
import type { SummarizedEndpoint } from '@warren/core/netcheck/summary';
import type { NatDescription } from '@warren/core/netmap/nat-description';
import { subnetsOf } from '@warren/core/netmap/route-choice';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import { warningLines } from '@warren/core/netmap/warnings';
import type { PathEngineStatus, PeerPathStatus } from '@warren/core/path-engine/io';
import { EXIT_ROUTES } from '../config/route-settings.js';
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
import { exitNodeStatus, isExitNode } from '../routes/exit-nodes.js';
import type { PlannedRoutes } from '../routes/plan-routes.js';
import { fullName } from './find-peer.js';
import type { HistoryRecord, PastPath } from './history-records.js';

export interface StatusInputs {
  readonly version: string;
  readonly state: BackendState;
  readonly loginServer: string | undefined;
  readonly authUrl: string | undefined;
  readonly settings: DaemonSettings;
  readonly netmap: Netmap | undefined;
  /** What is used of routes; absent: nothing. */
  readonly planned?: PlannedRoutes | undefined;
  readonly endpoints: readonly SummarizedEndpoint[];
  readonly homeRegion: number | undefined;
  readonly udpPort: number | undefined;
  /** Undefined: no engine runs. */
  readonly nat?: NatDescription | undefined;
  readonly paths: ReadonlyMap<NodeKey, PeerPathStatus>;
  readonly health: readonly string[];
  readonly history: readonly HistoryRecord[];
  readonly counters: Readonly<Record<string, number>>;
  /** The two clocks at one moment: they date instants. */
  readonly now: Instant;
  readonly wallNow: WallTime;
}

export function buildStatus(inputs: StatusInputs): StatusReport {
  const { netmap } = inputs;
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
    ...exitNodePart(inputs),
    health: [...inputs.health, ...warningLines(netmap?.warnings)],
    history: inputs.history.map((record) => historyEntry(netmap, record)),
    counters: inputs.counters,
  };
}

function exitNodePart({ planned, settings }: StatusInputs): Pick<StatusReport, 'exitNode'> {
  const wanted = settings.routes?.exitNode ?? '';
  const exitNode = planned === undefined ? undefined : exitNodeStatus(planned, wanted);
  return exitNode === undefined ? {} : { exitNode };
}

/** What of the report the engine knows; undefined: none runs. */
export function engineInputs(
  engine: PathEngineStatus | undefined,
): Pick<StatusInputs, 'endpoints' | 'homeRegion' | 'udpPort' | 'nat' | 'paths'> {
  return {
    endpoints: engine?.endpoints ?? [],
    homeRegion: engine?.homeRegion,
    udpPort: engine?.udpPort,
    nat: engine?.description,
    paths: new Map(engine?.peers.map((peer) => [peer.peer, peer])),
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
    ...ownRoutePart(inputs, netmap),
  };
}

/** What we announce, and what of it control sends us back as ours. */
function ownRoutePart(
  { settings }: StatusInputs,
  { self }: Netmap,
): Pick<SelfStatus, 'announcedRoutes' | 'servedRoutes'> {
  if (settings.routes === undefined) return {};
  const { advertiseRoutes, advertiseExitNode } = settings.routes;
  const announcedRoutes = [...advertiseRoutes, ...(advertiseExitNode ? EXIT_ROUTES : [])];
  const served = new Set<string>([...self.allowedIps, ...(self.exitRoutes ?? [])]);
  return { announcedRoutes, servedRoutes: announcedRoutes.filter((route) => served.has(route)) };
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
    ...(now?.portMethod === undefined ? {} : { foretold: true, method: now.portMethod }),
    relay: peer.homeRegion === undefined ? null : regionCode(netmap, peer.homeRegion),
    latencyMs: now?.latencyMs === undefined ? null : round(now.latencyMs),
    lastHandshake: isoTime(inputs, now?.lastHandshakeAt),
    rxBytes: now?.rxBytes ?? 0,
    txBytes: now?.txBytes ?? 0,
    online: peer.online ?? null,
    active: now?.active ?? false,
    ...peerRoutePart(inputs, peer),
    lastSeen: peer.lastSeen === undefined ? null : new Date(peer.lastSeen).toISOString(),
  };
}

function peerRoutePart(
  { planned }: StatusInputs,
  peer: NetmapNode,
): Pick<PeerStatus, 'routes' | 'exitNodeOption' | 'exitNode'> {
  const routes = subnetsOf(peer);
  return {
    ...(routes.length === 0 ? {} : { routes }),
    ...(isExitNode(peer) ? { exitNodeOption: true } : {}),
    ...(planned?.chosen.exit?.node?.id === peer.id ? { exitNode: true } : {}),
  };
}

/** A record as people read it: names for keys, codes for regions. */
export function historyEntry(netmap: Netmap | undefined, record: HistoryRecord): HistoryEntry {
  const { kind, cause } = record;
  const at = new Date(record.at).toISOString();
  if (record.kind === 'nat') {
    return { at, kind, peer: null, from: record.from ?? null, to: record.to, cause };
  }
  const peer = [...(netmap?.peers.values() ?? [])].find(({ key }) => key === record.peer);
  const show = (path: PastPath | undefined): string | null => {
    if (path === undefined) return null;
    return path.kind === 'relay' ? `relay ${regionCode(netmap, path.regionId)}` : path.remote;
  };
  return {
    at,
    kind,
    peer: peer === undefined ? formatPublicKey('node', record.peer) : fullName(peer),
    from: show(record.from),
    to: show(record.to),
    cause,
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
