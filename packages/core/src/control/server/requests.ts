/**
 * What clients send to /machine/register and /machine/map, validated. Clients are authenticated by their
 * machine key, not trusted: everything is bounded, odd parts are dropped, and only what identifies the
 * request refuses it.
 */
import { type DecodeFailure, fail, isFailure } from '../../base/failure.js';
import type { WallTime } from '../../base/instant.js';
import {
  asArray,
  asDisplayText,
  asInteger,
  asObject,
  asString,
  type JsonObject,
} from '../../base/json.js';
import { endpointPort, parseEndpoint } from '../../ip/address.js';
import type { DiscoKey, NodeKey } from '../../keys/keys.js';
import { readKey, readTime } from '../../netmap/decode-node.js';
import { decodeMapTags, type MapTags } from '../../netmap/map-tags.js';
import { natCharactersMax } from '../../netmap/nat-json.js';
import { decodePathReports, type PathReport } from '../../netmap/path-report.js';
import type { MapCompression } from '../map-framing.js';
import type { ReportedEndpoint } from './state.js';

/** Endpoints of one node; stock clients report at most a few dozen. */
const endpointsMax = 64;
/** Host information of one node as JSON: it is kept, and sent to every peer. */
const hostInfoCharactersMax = 16 * 1024;
/** Auth keys of other servers are longer than ours; none is near this. */
const authKeyCharactersMax = 1024;
const textCharactersMax = 256;
const tagsMax = 64;

export type RegisterRequestFailure = 'request-not-object' | 'request-version' | 'request-node-key';
export type MapRequestFailure = RegisterRequestFailure;

/** Host information without NetInfo, which changes on its own. */
export interface ReportedHost {
  readonly hostName: string;
  readonly hostInfo: JsonObject;
  readonly netInfo: JsonObject | undefined;
  readonly requestTags: readonly string[];
}

export interface RegisterRequest {
  readonly version: number;
  readonly nodeKey: NodeKey;
  /** Undefined: none. A key here is no sign of a rotation. */
  readonly oldNodeKey: NodeKey | undefined;
  readonly authKey: string | undefined;
  /** Undefined: none asked for. In the past: log out. */
  readonly expiry: WallTime | undefined;
  readonly followup: string;
  readonly host: ReportedHost | undefined;
  readonly ephemeral: boolean;
}

export interface MapRequest {
  readonly version: number;
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey | undefined;
  readonly compression: MapCompression;
  readonly stream: boolean;
  readonly omitPeers: boolean;
  readonly host: ReportedHost | undefined;
  readonly endpoints: readonly ReportedEndpoint[];
  /** Of a Warren node; undefined: it reports none. */
  readonly paths: readonly PathReport[] | undefined;
  /** Of a Warren node that polls: what it holds (netmap/map-tags.ts). */
  readonly held: MapTags | undefined;
}

/** A description of a NAT longer than any that we write. */
function isBurden(name: string, field: unknown): boolean {
  return name === 'WarrenNat' && JSON.stringify(field).length > natCharactersMax;
}

function readHost(value: unknown): ReportedHost | undefined {
  const given = asObject(value);
  if (given === undefined) return undefined;
  const netInfo = given['NetInfo'];
  // Sorted: the same report in another order is the same report.
  const rest = Object.entries(given)
    .filter(([name, field]) => name !== 'NetInfo' && !isBurden(name, field))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const isBearable = JSON.stringify(given).length <= hostInfoCharactersMax;
  return {
    hostName: asDisplayText(given['Hostname'], textCharactersMax),
    // Too much to keep for everybody: what peers show of a node is kept, the rest is not.
    hostInfo: isBearable
      ? Object.fromEntries(rest)
      : {
          Hostname: asDisplayText(given['Hostname'], textCharactersMax),
          OS: asDisplayText(given['OS'], textCharactersMax),
        },
    netInfo: isBearable ? asObject(netInfo) : undefined,
    requestTags: asArray(given['RequestTags'])
      .slice(0, tagsMax)
      .map((tag) => asDisplayText(tag, textCharactersMax))
      .filter((tag) => tag !== ''),
  };
}

function readReportedEndpoints(endpoints: unknown, types: unknown): readonly ReportedEndpoint[] {
  const typeOf = asArray(types);
  const reported = new Map<string, ReportedEndpoint>();
  for (const [index, entry] of asArray(endpoints).entries()) {
    if (reported.size >= endpointsMax) break;
    const endpoint = parseEndpoint(asString(entry, textCharactersMax) ?? '');
    if (endpoint === undefined || endpointPort(endpoint) === 0 || reported.has(endpoint)) continue;
    reported.set(endpoint, { endpoint, type: asInteger(typeOf[index], 0, 255) ?? 0 });
  }
  return [...reported.values()];
}

/** Version and node key, which every request must have. */
function readHead(
  request: JsonObject,
): { version: number; nodeKey: NodeKey } | DecodeFailure<RegisterRequestFailure> {
  const version = asInteger(request['Version'], 1, 65_535);
  if (version === undefined) return fail('request-version');
  const nodeKey = readKey('node', request['NodeKey']);
  return nodeKey === undefined ? fail('request-node-key') : { version, nodeKey };
}

/** Decodes the body of POST /machine/register. */
export function decodeRegisterRequest(
  value: unknown,
): RegisterRequest | DecodeFailure<RegisterRequestFailure> {
  const request = asObject(value);
  if (request === undefined) return fail('request-not-object');
  const head = readHead(request);
  if (isFailure(head)) return head;
  const authKey = asString(asObject(request['Auth'])?.['AuthKey'], authKeyCharactersMax);
  return {
    ...head,
    oldNodeKey: readKey('node', request['OldNodeKey']),
    authKey: authKey === '' ? undefined : authKey,
    expiry: readTime(request['Expiry']), // the past of a logout is 1970, in any offset
    followup: asString(request['Followup'], 2048) ?? '',
    host: readHost(request['Hostinfo']),
    ephemeral: request['Ephemeral'] === true,
  };
}

/** Decodes the body of POST /machine/map. */
export function decodeMapRequest(value: unknown): MapRequest | DecodeFailure<MapRequestFailure> {
  const request = asObject(value);
  if (request === undefined) return fail('request-not-object');
  const head = readHead(request);
  if (isFailure(head)) return head;
  return {
    ...head,
    discoKey: readKey('disco', request['DiscoKey']),
    compression: request['Compress'] === 'zstd' ? 'zstd' : '',
    stream: request['Stream'] === true,
    omitPeers: request['OmitPeers'] === true,
    host: readHost(request['Hostinfo']),
    endpoints: readReportedEndpoints(request['Endpoints'], request['EndpointTypes']),
    paths: decodePathReports(request['WarrenPaths']),
    held: decodeMapTags(request['WarrenHeld']),
  };
}
