/**
 * The state as servers kept it before they had a database: one JSON document, version 1.
 *
 *     {"version": 1, "nextNodeId", "nextUserId", "tailnets": [...], "users": [...], "authKeys": [...], "nodes": [...]}
 *
 * Read once, by the first start with a database.
 */

import { IdMap } from '@warren/core/base/id-map';
import { asInteger, asObject } from '@warren/core/base/json';
import {
  type AuthKeyRecord,
  type ControlState,
  ensureTailnet,
  type NodeId,
  type NodeRecord,
  type TailnetRecord,
  type UserRecord,
} from '@warren/core/control/server/state';
import { indexNodeKeys } from '@warren/core/control/server/state-changes';
import { checkState } from './check-state.js';
import { byId, Damage, damaged, RecordReader, readEndpoint, readText } from './record-reader.js';

const FORMAT_VERSION = 1;

function readTailnet(value: unknown): TailnetRecord {
  const read = new RecordReader(value);
  return { id: read.text('id'), lastAddressIndex: read.integer('lastAddressIndex', 0) };
}

function readUser(value: unknown): UserRecord {
  const read = new RecordReader(value);
  return {
    id: read.integer('id', 1),
    tailnet: read.text('tailnet'),
    loginName: read.text('loginName'),
    displayName: read.text('displayName'),
  };
}

function readAuthKey(value: unknown): AuthKeyRecord {
  const read = new RecordReader(value);
  return {
    id: read.text('id'),
    purpose: 'join',
    tailnet: read.text('tailnet'),
    secretSha256: read.text('secretSha256'),
    userId: read.integer('userId', 0),
    tags: read.list('tags', readText),
    reusable: read.flag('reusable'),
    ephemeral: read.flag('ephemeral'),
    createdAt: read.timeText('createdAt'),
    expiresAt: read.timeTextOrNone('expiresAt'),
    usedAt: read.timeTextOrNone('usedAt'),
    revokedAt: read.timeTextOrNone('revokedAt'),
  };
}

function readNode(value: unknown): NodeRecord {
  const read = new RecordReader(value);
  const addresses = new RecordReader(read.object('addresses'));
  return {
    id: read.integer('id', 1),
    kind: 'machine',
    stableId: read.text('stableId'),
    tailnet: read.text('tailnet'),
    machineKey: read.key('machine', 'machineKey'),
    nodeKey: read.key('node', 'nodeKey'),
    discoKey: read.has('discoKey') ? read.key('disco', 'discoKey') : undefined,
    userId: read.integer('userId', 0),
    tags: read.list('tags', readText),
    authKeyId: undefined,
    ephemeral: read.flag('ephemeral'),
    addresses: { v4: addresses.address('v4'), v6: addresses.address('v6') },
    label: read.text('label'),
    labelGiven: false,
    hostName: read.text('hostName'),
    hostInfo: read.object('hostInfo'),
    netInfo: read.objectOrNone('netInfo'),
    endpoints: read.list('endpoints', readEndpoint),
    approvedRoutes: [],
    capVersion: read.integer('capVersion', 0),
    createdAt: read.timeText('createdAt'),
    keyExpiry: read.timeTextOrNone('keyExpiry'),
    lastSeen: read.timeTextOrNone('lastSeen'),
  };
}

function readState(value: unknown): ControlState {
  const read = new RecordReader(value);
  if (read.integer('version', 1) !== FORMAT_VERSION) damaged('version');
  const nodes = IdMap.of(byId<NodeId, NodeRecord>(read.list('nodes', readNode)));
  let state: ControlState = {
    tailnets: byId(read.list('tailnets', readTailnet)),
    users: byId(read.list('users', readUser)),
    authKeys: byId(read.list('authKeys', readAuthKey)),
    nodes,
    nodeIdByKey: indexNodeKeys(nodes),
    nextNodeId: read.integer('nextNodeId', 1),
    nextUserId: read.integer('nextUserId', 1),
  };
  // Users and keys of a tailnet without nodes stood there without its record.
  for (const { tailnet } of [...state.users.values(), ...state.authKeys.values()]) {
    state = ensureTailnet(state, tailnet);
  }
  checkState(state);
  return state;
}

/** The state of a document; undefined when it is damaged or of another version. */
export function decodeJsonState(text: string): ControlState | undefined {
  try {
    return readState(JSON.parse(text));
  } catch (error) {
    if (error instanceof Damage || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** True for a document of a version that this program doesn't know. */
export function isNewerJsonState(text: string): boolean {
  try {
    return (asInteger(asObject(JSON.parse(text))?.['version'], 0) ?? 0) > FORMAT_VERSION;
  } catch {
    return false;
  }
}
