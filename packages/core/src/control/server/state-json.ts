/**
 * The whole state of a control server as one JSON document, version 1.
 *
 *     {"version": 1, "nextNodeId", "nextUserId", "tailnets": [...], "users": [...], "authKeys": [...], "nodes": [...]}
 *
 * Our own file, yet read strictly: a record that makes no sense means that the file is damaged, and a server
 * that dropped it silently would give its address to somebody else.
 */
import type { WallTime } from '../../base/instant.js';
import { asBoolean, asInteger, asObject, asString, type JsonObject } from '../../base/json.js';
import { formatRfc3339, parseRfc3339 } from '../../base/rfc3339.js';
import { parseAddress, parseEndpoint } from '../../ip/address.js';
import {
  formatPublicKey,
  isZeroKey,
  type KeyKind,
  type NodeKey,
  parsePublicKey,
} from '../../keys/keys.js';
import type {
  AuthKeyRecord,
  ControlState,
  NodeId,
  NodeRecord,
  ReportedEndpoint,
  TailnetRecord,
  UserRecord,
} from './state.js';

const FORMAT_VERSION = 1;

/** Longest text of any field but host information. */
const textMax = 1024;

const timeText = (time: WallTime | undefined): string | undefined =>
  time === undefined ? undefined : formatRfc3339(time);

/** The document; fields that are undefined are left out. */
export function encodeState(state: ControlState): string {
  const document = {
    version: FORMAT_VERSION,
    nextNodeId: state.nextNodeId,
    nextUserId: state.nextUserId,
    tailnets: [...state.tailnets.values()],
    users: [...state.users.values()],
    authKeys: [...state.authKeys.values()].map((key) => ({
      ...key,
      createdAt: timeText(key.createdAt),
      expiresAt: timeText(key.expiresAt),
      usedAt: timeText(key.usedAt),
      revokedAt: timeText(key.revokedAt),
    })),
    nodes: [...state.nodes.values()].map((node) => ({
      ...node,
      machineKey: formatPublicKey('machine', node.machineKey),
      nodeKey: formatPublicKey('node', node.nodeKey),
      discoKey: node.discoKey === undefined ? undefined : formatPublicKey('disco', node.discoKey),
      createdAt: timeText(node.createdAt),
      keyExpiry: timeText(node.keyExpiry),
      lastSeen: timeText(node.lastSeen),
    })),
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

/** Thrown inside this file only: the document is damaged. */
class Damage extends Error {}

function damaged(what: string): never {
  throw new Damage(what);
}

/** Reads the fields of one record; anything out of place is damage. */
class Reader {
  readonly #record: JsonObject;

  constructor(value: unknown) {
    this.#record = asObject(value) ?? damaged('not a record');
  }

  text(field: string): string {
    return asString(this.#record[field], textMax) ?? damaged(field);
  }

  integer(field: string, min: number): number {
    return asInteger(this.#record[field], min) ?? damaged(field);
  }

  flag(field: string): boolean {
    return asBoolean(this.#record[field]) ?? damaged(field);
  }

  time(field: string): WallTime | undefined {
    if (this.#record[field] === undefined) return undefined;
    return parseRfc3339(this.text(field)) ?? damaged(field);
  }

  timeNeeded(field: string): WallTime {
    return this.time(field) ?? damaged(field);
  }

  object(field: string): JsonObject {
    return asObject(this.#record[field]) ?? damaged(field);
  }

  objectOrNone(field: string): JsonObject | undefined {
    return this.#record[field] === undefined ? undefined : this.object(field);
  }

  list<T>(field: string, read: (entry: unknown) => T): readonly T[] {
    const list = this.#record[field];
    return Array.isArray(list) ? list.map(read) : damaged(field);
  }

  key<Kind extends KeyKind>(
    kind: Kind,
    field: string,
  ): NonNullable<ReturnType<typeof parsePublicKey<Kind>>> {
    const key = parsePublicKey(kind, this.text(field));
    return key === undefined || isZeroKey(key) ? damaged(field) : key;
  }

  has(field: string): boolean {
    return this.#record[field] !== undefined;
  }
}

const readText = (entry: unknown): string => asString(entry, textMax) ?? damaged('text');

function readTailnet(value: unknown): TailnetRecord {
  const read = new Reader(value);
  return { id: read.text('id'), lastAddressIndex: read.integer('lastAddressIndex', 0) };
}

function readUser(value: unknown): UserRecord {
  const read = new Reader(value);
  return {
    id: read.integer('id', 1),
    tailnet: read.text('tailnet'),
    loginName: read.text('loginName'),
    displayName: read.text('displayName'),
  };
}

function readAuthKey(value: unknown): AuthKeyRecord {
  const read = new Reader(value);
  return {
    id: read.text('id'),
    tailnet: read.text('tailnet'),
    secretSha256: read.text('secretSha256'),
    userId: read.integer('userId', 0),
    tags: read.list('tags', readText),
    reusable: read.flag('reusable'),
    ephemeral: read.flag('ephemeral'),
    createdAt: read.timeNeeded('createdAt'),
    expiresAt: read.time('expiresAt'),
    usedAt: read.time('usedAt'),
    revokedAt: read.time('revokedAt'),
  };
}

function readEndpoint(value: unknown): ReportedEndpoint {
  const read = new Reader(value);
  const endpoint = parseEndpoint(read.text('endpoint')) ?? damaged('endpoint');
  return { endpoint, type: read.integer('type', 0) };
}

function readNode(value: unknown): NodeRecord {
  const read = new Reader(value);
  const addresses = new Reader(read.object('addresses'));
  return {
    id: read.integer('id', 1),
    stableId: read.text('stableId'),
    tailnet: read.text('tailnet'),
    machineKey: read.key('machine', 'machineKey'),
    nodeKey: read.key('node', 'nodeKey'),
    discoKey: read.has('discoKey') ? read.key('disco', 'discoKey') : undefined,
    userId: read.integer('userId', 0),
    tags: read.list('tags', readText),
    ephemeral: read.flag('ephemeral'),
    addresses: {
      v4: parseAddress(addresses.text('v4')) ?? damaged('v4'),
      v6: parseAddress(addresses.text('v6')) ?? damaged('v6'),
    },
    label: read.text('label'),
    hostName: read.text('hostName'),
    hostInfo: read.object('hostInfo'),
    netInfo: read.objectOrNone('netInfo'),
    endpoints: read.list('endpoints', readEndpoint),
    capVersion: read.integer('capVersion', 0),
    createdAt: read.timeNeeded('createdAt'),
    keyExpiry: read.time('keyExpiry'),
    lastSeen: read.time('lastSeen'),
  };
}

/** A map of records by their id; two with one id are damage. */
function byId<Id, Entry extends { readonly id: Id }>(entries: readonly Entry[]): Map<Id, Entry> {
  const map = new Map(entries.map((entry) => [entry.id, entry]));
  return map.size === entries.length ? map : damaged('an id twice');
}

function readState(value: unknown): ControlState {
  const read = new Reader(value);
  if (read.integer('version', 1) !== FORMAT_VERSION) damaged('version');
  const nodes: Map<NodeId, NodeRecord> = byId(read.list('nodes', readNode));
  const nodeIdByKey = new Map<NodeKey, NodeId>();
  for (const node of nodes.values()) nodeIdByKey.set(node.nodeKey, node.id);
  if (nodeIdByKey.size !== nodes.size) damaged('a node key twice');
  const nextNodeId = read.integer('nextNodeId', 1);
  if ([...nodes.keys()].some((id) => id >= nextNodeId)) damaged('nextNodeId');
  return {
    tailnets: byId(read.list('tailnets', readTailnet)),
    users: byId(read.list('users', readUser)),
    authKeys: byId(read.list('authKeys', readAuthKey)),
    nodes,
    nodeIdByKey,
    nextNodeId,
    nextUserId: read.integer('nextUserId', 1),
  };
}

/** The state of a document; undefined when it is damaged or of another version. */
export function decodeState(text: string): ControlState | undefined {
  try {
    return readState(JSON.parse(text));
  } catch (error) {
    if (error instanceof Damage || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The format version of a document that parses as far; undefined: not even that. */
export function stateVersion(text: string): number | undefined {
  try {
    return asInteger(asObject(JSON.parse(text))?.['version'], 0);
  } catch {
    return undefined;
  }
}
