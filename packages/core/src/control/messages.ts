/**
 * Bodies of our client's requests, and the answer to a registration. Field names are the wire's.
 */
import { type DecodeFailure, fail } from '../base/failure.js';
import {
  asDisplayText,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../base/json.js';
import { decodeUtf8 } from '../base/text.js';
import { type DiscoKey, formatPublicKey, type NodeKey, zeroKey } from '../keys/keys.js';
import type { NatDescription } from '../netmap/nat-description.js';
import { encodeNat } from '../netmap/nat-json.js';
import type { NetInfo, OwnEndpoint } from '../netmap/own.js';
import { encodePathReports, type PathReport } from '../netmap/path-report.js';
import { CAP_VERSION } from './cap-version.js';

/** Go's zero time: no expiry asked for. */
const NO_EXPIRY = '0001-01-01T00:00:00Z';
/** Unix time 123, which stock clients send to log out. */
const LONG_PAST = '1970-01-01T00:02:03Z';
/** We hold no tailnet-lock key; the field itself may not be empty. */
const NO_LOCK_KEY = `nlpub:${'0'.repeat(64)}`;
/** URLs longer than this fit no terminal and no honest server. */
const urlCharactersMax = 2048;
/** Of a server's error text; stock clients show the first 200 bytes of theirs. */
const errorCharactersMax = 500;
/** Of a body that came instead of an answer. */
const statusTextMax = 200;

/** What a node tells control of itself, besides its keys. */
export interface OwnState {
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey;
  readonly hostInfo: JsonObject;
  readonly netInfo: NetInfo | undefined;
  readonly endpoints: readonly OwnEndpoint[];
  /** Undefined: nothing measured yet. */
  readonly nat: NatDescription | undefined;
  /** Undefined: nothing to report so far. */
  readonly paths: readonly PathReport[] | undefined;
}

export interface Registration {
  readonly nodeKey: NodeKey;
  readonly oldNodeKey: NodeKey | undefined;
  readonly authKey: string | undefined;
  readonly followup: string;
  readonly ephemeral: boolean;
  readonly hostInfo: JsonObject;
  readonly logOut: boolean;
}

/** Body of POST /machine/register. */
export function registerBody(registration: Registration): JsonValue {
  const { authKey } = registration;
  return {
    Version: CAP_VERSION,
    NodeKey: formatPublicKey('node', registration.nodeKey),
    OldNodeKey: formatPublicKey('node', registration.oldNodeKey ?? zeroKey('node')),
    NLKey: NO_LOCK_KEY,
    ...(authKey === undefined ? {} : { Auth: { AuthKey: authKey } }),
    Expiry: registration.logOut ? LONG_PAST : NO_EXPIRY,
    Followup: registration.followup,
    Hostinfo: registration.hostInfo as JsonValue,
    ...(registration.ephemeral ? { Ephemeral: true } : {}),
  };
}

/** Control's NetInfo. Its optional booleans are left out while unknown. */
export function netInfoJson(netInfo: NetInfo, withLatency: boolean): JsonValue {
  const latency = [
    ...latencyEntries(netInfo.regionLatencyMs, 'v4'),
    ...latencyEntries(netInfo.regionV6LatencyMs, 'v6'),
  ];
  return {
    MappingVariesByDestIP: netInfo.mappingVariesByDestIp,
    WorkingIPv6: netInfo.workingIpv6,
    OSHasIPv6: netInfo.osHasIpv6,
    WorkingUDP: netInfo.workingUdp,
    HavePortMap: netInfo.havePortMap,
    UPnP: netInfo.upnp,
    PMP: netInfo.natpmp,
    PCP: netInfo.pcp,
    PreferredDERP: netInfo.homeRegion,
    ...(withLatency && latency.length > 0 ? { DERPLatency: Object.fromEntries(latency) } : {}),
  };
}

/** `900-v4` to seconds, by region. */
function latencyEntries(
  latencyMs: NetInfo['regionV6LatencyMs'],
  family: 'v4' | 'v6',
): [string, number][] {
  const sorted = [...(latencyMs ?? [])].sort(([a], [b]) => a - b);
  return sorted.map(([id, ms]) => [`${id}-${family}`, ms / 1000]);
}

/**
 * Body of POST /machine/map: the poll when `stream`, else a lite update. Both carry the whole state, never a
 * part. `withLatency` false gives the body whose changes are worth a message.
 */
export function mapBody(
  own: OwnState,
  stream: boolean,
  withLatency = true,
): Readonly<Record<string, JsonValue>> {
  const { netInfo, nat, paths } = own;
  const hostInfo = own.hostInfo as Readonly<Record<string, JsonValue>>;
  return {
    Version: CAP_VERSION,
    KeepAlive: true,
    NodeKey: formatPublicKey('node', own.nodeKey),
    DiscoKey: formatPublicKey('disco', own.discoKey),
    Compress: '',
    Stream: stream,
    OmitPeers: !stream,
    Hostinfo: {
      ...hostInfo,
      ...(netInfo === undefined ? {} : { NetInfo: netInfoJson(netInfo, withLatency) }),
      ...(nat === undefined ? {} : { WarrenNat: encodeNat(nat) }),
    },
    Endpoints: own.endpoints.map(({ endpoint }) => endpoint),
    EndpointTypes: own.endpoints.map(({ type }) => type),
    ...(stream || paths === undefined ? {} : { WarrenPaths: encodePathReports(paths) }),
  };
}

/** Body of the poll of a node that holds `held` (held-map.ts). */
export function pollBody(own: OwnState, held: JsonValue): JsonValue {
  return { ...mapBody(own, true), WarrenHeld: held };
}

/** What a registration came to. */
export interface RegisterAnswer {
  readonly nodeKeyExpired: boolean;
  readonly machineAuthorized: boolean;
  /** Empty: logged in. */
  readonly authUrl: string;
  /** Not empty: refused, and nothing else counts. */
  readonly error: string;
}

/** A URL that a browser may be sent to. */
export function isBrowsable(url: string): boolean {
  return /^https?:\/\/[^\s\p{Cc}\p{Cf}]+$/u.test(url);
}

/** Decodes the body of a register answer. An AuthURL that is no http(s) URL refuses the whole. */
export function decodeRegisterAnswer(
  body: Uint8Array,
): RegisterAnswer | DecodeFailure<'register-not-object' | 'register-auth-url'> {
  const answer = asObject(parseJson(body));
  if (answer === undefined) return fail('register-not-object');
  const given = answer['AuthURL'] ?? '';
  const authUrl = asString(given, urlCharactersMax);
  if (authUrl === undefined || (authUrl !== '' && !isBrowsable(authUrl))) {
    return fail('register-auth-url');
  }
  return {
    nodeKeyExpired: answer['NodeKeyExpired'] === true,
    machineAuthorized: answer['MachineAuthorized'] === true,
    authUrl,
    error: asDisplayText(answer['Error'], errorCharactersMax),
  };
}

/** A refusal for people: the HTTP status and what its body says. */
export function formatStatus(status: number, body: Uint8Array): string {
  const text = asDisplayText(decodeUtf8(body) ?? '', statusTextMax).trim();
  return `${status}${text === '' ? '' : `: ${text}`}`;
}
