/**
 * A MapResponse of control, from parsed JSON to validated values.
 *
 * Unknown fields are ignored, bad entries dropped and counted, everything is bounded (limits.ts). Only two
 * things refuse a whole response: it is no object, or the node it calls ourselves is unusable.
 * What the response means for the netmap is apply.ts's business.
 */
import type { Counters } from '../base/counters.js';
import { type DecodeFailure, fail, isFailure } from '../base/failure.js';
import type { WallTime } from '../base/instant.js';
import { asDisplayText, asEntries, asInteger, asObject, asString } from '../base/json.js';
import type { DnsConfig } from '../dns/dns-config.js';
import { decodeList, type ListBounds } from './bounded-list.js';
import { decodeDnsConfig } from './decode-dns.js';
import { decodeFilterChange, type FilterChange } from './decode-filter.js';
import { decodeNode, type NodeFailure, readTime, readUserId } from './decode-node.js';
import { decodePatch, type PeerPatch } from './decode-patch.js';
import { decodeRelayMap } from './decode-relay-map.js';
import { labelLengthMax, nameLengthMax, peersMax, pingUrlLengthMax } from './limits.js';
import { decodeMapTags, type MapTags } from './map-tags.js';
import type { NetmapNode, RelayMap, UserProfile } from './types.js';
import { decodeWarnings, type WarningsChange } from './warnings.js';

export type MapFailure = 'map-not-object' | NodeFailure;

/** Something to fetch, to show that we live. */
export interface PingRequest {
  /** `https://host[:port]` in small letters, without the port that goes without saying. */
  readonly origin: string;
  /** From the first slash after the server's name on, in printable ASCII. */
  readonly path: string;
  /** Over the control connection; false: over one of its own. */
  readonly isNoise: boolean;
  /** Pings of other kinds that are asked for; empty: none. */
  readonly types: string;
}

/** One validated MapResponse. Undefined and empty both mean "no statement". */
export interface MapResponse {
  /** True: nothing else in it counts but `controlTime` and `ping`. */
  readonly keepAlive: boolean;
  /** The server's clock. */
  readonly controlTime: WallTime | undefined;
  /** Control asks whether we live. */
  readonly ping: PingRequest | undefined;
  readonly node: NetmapNode | undefined;
  /** The complete set, when not empty. */
  readonly peers: readonly NetmapNode[];
  readonly peersChanged: readonly NetmapNode[];
  readonly peersRemoved: readonly number[];
  readonly peersPatched: readonly PeerPatch[];
  /** True: seen just now; false: unknown when. */
  readonly seenChange: ReadonlyMap<number, boolean>;
  readonly onlineChange: ReadonlyMap<number, boolean>;
  readonly relayMap: RelayMap | undefined;
  readonly users: readonly UserProfile[];
  /** Undefined: no statement. */
  readonly filter: FilterChange | undefined;
  readonly domain: string | undefined;
  readonly dns: DnsConfig | undefined;
  /** Undefined: no statement. */
  readonly warnings: WarningsChange | undefined;
  /** True: it changes what we said we hold. */
  readonly resumed: boolean;
  readonly tags: MapTags | undefined;
}

function entries(malformed: string): ListBounds {
  return { max: peersMax, malformed, overLimit: 'netmap-entries-over-limit' };
}

const PEERS = entries('netmap-peer-malformed');
const REMOVALS = entries('netmap-removal-malformed');
const PATCHES = entries('netmap-patch-malformed');
const USERS = entries('netmap-user-malformed');

function decodeFlags(value: unknown, counters: Counters): ReadonlyMap<number, boolean> {
  const flags = new Map<number, boolean>();
  for (const [key, flag] of asEntries(value)) {
    const id = asInteger(Number(key), 1);
    if (flags.size >= peersMax) break;
    if (id === undefined || typeof flag !== 'boolean') counters.add('netmap-flag-malformed');
    else flags.set(id, flag);
  }
  return flags;
}

function decodeUser(value: unknown): UserProfile | undefined {
  const user = asObject(value);
  const id = readUserId(user?.['ID']);
  if (user === undefined || id === 0) return undefined;
  return {
    id,
    loginName: asDisplayText(user['LoginName'], nameLengthMax),
    displayName: asDisplayText(user['DisplayName'], labelLengthMax),
  };
}

function decodePing(value: unknown, counters: Counters): PingRequest | undefined {
  const ping = asObject(value);
  if (ping === undefined) return undefined;
  const url = asString(ping['URL'], pingUrlLengthMax) ?? '';
  const [, server = '', path] = /^(https?:\/\/[^/\s]+)(\/[\x21-\x7e]*)$/.exec(url) ?? [];
  if (path === undefined) {
    counters.add('netmap-ping-malformed');
    return undefined;
  }
  return {
    origin: server.toLowerCase().replace(/^(https:.*):443$/, '$1'),
    path,
    isNoise: ping['URLIsNoise'] === true,
    types: asDisplayText(ping['Types'], labelLengthMax),
  };
}

/** Decodes one MapResponse from parsed JSON; what it drops on the way is counted. */
export function decodeMapResponse(
  value: unknown,
  counters: Counters,
): MapResponse | DecodeFailure<MapFailure> {
  const response = asObject(value);
  if (response === undefined) return fail('map-not-object');
  const given = response['Node'];
  const node =
    given === undefined || given === null ? undefined : decodeNode(given, 'self', counters);
  if (isFailure(node)) return node;
  const peer = (entry: unknown) => decodeNode(entry, 'peer', counters);
  const domain = asDisplayText(response['Domain'], nameLengthMax);
  return {
    keepAlive: response['KeepAlive'] === true,
    controlTime: readTime(response['ControlTime']),
    ping: decodePing(response['PingRequest'], counters),
    node,
    peers: decodeList(response['Peers'], PEERS, counters, peer),
    peersChanged: decodeList(response['PeersChanged'], PEERS, counters, peer),
    peersRemoved: decodeList(response['PeersRemoved'], REMOVALS, counters, (entry) =>
      asInteger(entry, 1),
    ),
    peersPatched: decodeList(response['PeersChangedPatch'], PATCHES, counters, (entry) =>
      decodePatch(entry, counters),
    ),
    seenChange: decodeFlags(response['PeerSeenChange'], counters),
    onlineChange: decodeFlags(response['OnlineChange'], counters),
    relayMap: decodeRelayMap(response['DERPMap'], counters),
    users: decodeList(response['UserProfiles'], USERS, counters, decodeUser),
    filter: decodeFilterChange(response, counters),
    domain: domain === '' ? undefined : domain,
    dns: decodeDnsConfig(response['DNSConfig'], counters),
    warnings: decodeWarnings(response, counters),
    resumed: response['WarrenResumed'] === true,
    tags: decodeMapTags(response['WarrenTags']),
  };
}
