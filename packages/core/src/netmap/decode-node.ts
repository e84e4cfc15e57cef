/**
 * One node of control's JSON, ourselves or a peer, to a validated {@link NetmapNode}.
 *
 * Fields this reads: ID, StableID, Name, User, Key, Machine, DiscoKey, Addresses, AllowedIPs, Endpoints,
 * HomeDERP or the legacy `DERP: "127.3.3.40:N"`, Hostinfo{Hostname, OS, sshHostKeys}, CapMap (names), Online, LastSeen, KeyExpiry,
 * Expired, MachineAuthorized, Cap, Tags, IsWireGuardOnly, KeepAlive, IsJailed, UnsignedPeerAPIOnly, WarrenNat. Others
 * are ignored.
 *
 * Identity decides: without a usable id, key and address there is no node. Everything else degrades: a bad
 * endpoint costs that endpoint, a missing name gives an empty one.
 */
import type { Counters } from '../base/counters.js';
import { type DecodeFailure, fail, isFailure } from '../base/failure.js';
import type { WallTime } from '../base/instant.js';
import {
  asArray,
  asDisplayText,
  asEntries,
  asInteger,
  asObject,
  asString,
  type JsonObject,
} from '../base/json.js';
import { parseRfc3339 } from '../base/rfc3339.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointPort, familyOf, parseEndpoint } from '../ip/address.js';
import { isOverlay } from '../ip/classes.js';
import { type Prefix, parsePrefix, prefixAddress, prefixBits } from '../ip/prefix.js';
import {
  type DiscoKey,
  isZeroKey,
  type KeyKind,
  type NodeKey,
  parsePublicKey,
} from '../keys/keys.js';
import { decodeDistinct, type ListBounds } from './bounded-list.js';
import {
  addressesMax,
  allowedIpsMax,
  capabilitiesMax,
  endpointsMax,
  labelLengthMax,
  nameLengthMax,
  sshHostKeyLengthMax,
  sshHostKeysMax,
  tagsMax,
  tokenLengthMax,
} from './limits.js';
import { decodeNat } from './nat-json.js';
import type { NetmapNode } from './types.js';

export type NodeFailure =
  | 'node-not-object'
  | 'node-id'
  | 'node-key'
  | 'node-no-address'
  | 'node-address-outside';

/** The address that stood for relays before HomeDERP; its port is the region. */
const LEGACY_DERP = /^127\.3\.3\.40:(\d{1,5})$/;

/** Reads a public key; undefined when malformed or zero, which is how Go peers write "none". */
export function readKey<Kind extends KeyKind>(
  kind: Kind,
  value: unknown,
): ReturnType<typeof parsePublicKey<Kind>> {
  const text = asString(value, tokenLengthMax);
  const key = text === undefined ? undefined : parsePublicKey(kind, text);
  return key === undefined || isZeroKey(key) ? undefined : key;
}

/** Reads a time; Go's zero time and anything before 1970 mean "none". */
export function readTime(value: unknown): WallTime | undefined {
  const text = asString(value, tokenLengthMax);
  const time = text === undefined ? undefined : parseRfc3339(text);
  return time === undefined || time < 0 ? undefined : time;
}

/** Reads a user id. Old ones of Tailscale's service exceed 2^53; rounded alike everywhere they still match. */
export function readUserId(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0;
}

const ENDPOINTS: ListBounds = {
  max: endpointsMax,
  malformed: 'netmap-endpoint-malformed',
  overLimit: 'netmap-endpoints-over-limit',
};

/** Reads the endpoints that can be sent to; the others are dropped and counted. */
export function readEndpoints(value: unknown, counters: Counters): readonly Endpoint[] {
  return decodeDistinct(value, ENDPOINTS, counters, (text) => {
    const endpoint = parseEndpoint(text);
    return endpoint === undefined || endpointPort(endpoint) === 0 ? undefined : endpoint;
  });
}

/** Region of HomeDERP, or of the legacy DERP field; undefined when there is none yet. */
export function readHomeRegion(node: JsonObject): RegionId | undefined {
  const home = asInteger(node['HomeDERP'], 1);
  if (home !== undefined) return home;
  const match = LEGACY_DERP.exec(asString(node['DERP'], tokenLengthMax) ?? '');
  return match === null ? undefined : asInteger(Number(match[1]), 1);
}

function readPrefixes(value: unknown, max: number, counters: Counters): readonly Prefix[] {
  const malformed = 'netmap-prefix-malformed';
  const overLimit = 'netmap-prefixes-over-limit';
  return decodeDistinct(value, { max, malformed, overLimit }, counters, parsePrefix);
}

function isOverlayHost(prefix: Prefix): boolean {
  const address = prefixAddress(prefix);
  return prefixBits(prefix) === (familyOf(address) === 4 ? 32 : 128) && isOverlay(address);
}

function readTags(value: unknown): readonly string[] {
  return asArray(value)
    .slice(0, tagsMax)
    .map((tag) => asDisplayText(tag, labelLengthMax))
    .filter((tag) => tag !== '');
}

function readCapabilities(value: unknown): readonly string[] {
  return asEntries(value)
    .map(([name]) => name)
    .filter((name) => name !== '' && name.length <= labelLengthMax)
    .slice(0, capabilitiesMax);
}

/** A line of a known-hosts file without its host: kind and key; a comment is dropped. */
const SSH_HOST_KEY = /^([a-z0-9@.-]{1,64} [A-Za-z0-9+/]{1,4096}={0,2})(?: [^\n]*)?$/;

function readSshHostKeys(value: unknown): readonly string[] {
  return asArray(value)
    .slice(0, sshHostKeysMax)
    .flatMap((entry) => SSH_HOST_KEY.exec(asString(entry, sshHostKeyLengthMax) ?? '')?.[1] ?? []);
}

/** What decides whether there is a node at all. */
interface Identity {
  readonly id: number;
  readonly key: NodeKey;
  readonly addresses: readonly Prefix[];
}

function readIdentity(
  node: JsonObject,
  role: 'self' | 'peer',
  counters: Counters,
): Identity | DecodeFailure<NodeFailure> {
  const id = asInteger(node['ID'], 1);
  if (id === undefined) return fail('node-id');
  const key = readKey('node', node['Key']);
  if (key === undefined) return fail('node-key');
  const given = readPrefixes(node['Addresses'], addressesMax, counters);
  const addresses = given.filter(isOverlayHost);
  if (addresses.length < given.length) {
    // Our own address outside the overlay would take over a real network of this machine.
    if (role === 'self') return fail('node-address-outside');
    counters.add('netmap-peer-address-outside');
  }
  return addresses.length === 0 ? fail('node-no-address') : { id, key, addresses };
}

/**
 * Decodes one node. `role` self is strict about addresses: one outside the overlay refuses the node, as a
 * peer it loses only that address. Parts that are dropped are counted.
 */
export function decodeNode(
  value: unknown,
  role: 'self' | 'peer',
  counters: Counters,
): NetmapNode | DecodeFailure<NodeFailure> {
  const node = asObject(value);
  if (node === undefined) return fail('node-not-object');
  const identity = readIdentity(node, role, counters);
  if (isFailure(identity)) return identity;
  const { addresses } = identity;
  const routesBarred =
    node['UnsignedPeerAPIOnly'] === true ||
    node['AllowedIPs'] === undefined ||
    node['AllowedIPs'] === null;
  const hostInfo = asObject(node['Hostinfo']) ?? {};
  const online = typeof node['Online'] === 'boolean' ? node['Online'] : undefined;
  const discoKey: DiscoKey | undefined = readKey('disco', node['DiscoKey']);
  const nat = decodeNat(node['WarrenNat']);
  const capabilities = readCapabilities(node['CapMap']);
  const sshHostKeys = readSshHostKeys(hostInfo['sshHostKeys']);
  return {
    id: identity.id,
    stableId: asDisplayText(node['StableID'], labelLengthMax),
    name: asDisplayText(node['Name'], nameLengthMax),
    key: identity.key,
    machineKey: readKey('machine', node['Machine']),
    discoKey,
    addresses,
    allowedIps: routesBarred
      ? addresses
      : readPrefixes(node['AllowedIPs'], allowedIpsMax, counters),
    endpoints: readEndpoints(node['Endpoints'], counters),
    homeRegion: readHomeRegion(node),
    userId: readUserId(node['User']),
    online,
    // Meaningful only while the node is away; on an online node it would confuse people.
    lastSeen: online === true ? undefined : readTime(node['LastSeen']),
    keyExpiry: readTime(node['KeyExpiry']),
    expired: node['Expired'] === true,
    machineAuthorized: node['MachineAuthorized'] === true,
    capVersion: asInteger(node['Cap'], 0) ?? 0,
    isWireGuardOnly: node['IsWireGuardOnly'] === true,
    ...(node['KeepAlive'] === true ? { keepAlive: true } : {}),
    ...(role === 'peer' && node['IsJailed'] === true ? { isJailed: true } : {}),
    tags: readTags(node['Tags']),
    hostName: asDisplayText(hostInfo['Hostname'], nameLengthMax),
    os: asDisplayText(hostInfo['OS'], labelLengthMax),
    ...(nat === undefined ? {} : { nat }),
    ...(capabilities.length === 0 ? {} : { capabilities }),
    ...(sshHostKeys.length === 0 ? {} : { sshHostKeys }),
  };
}
