/** Records of the state as rows of the database, and back. */
import type {
  AuthKeyPurpose,
  AuthKeyRecord,
  NodeKind,
  NodeRecord,
  TailnetRecord,
  UserRecord,
} from '@warren/core/control/server/state';
import { type Prefix, parsePrefix } from '@warren/core/ip/prefix';
import { formatPublicKey } from '@warren/core/keys/keys';
import { damaged, RecordReader, readEndpoint, readText } from './record-reader.js';
import type { Row } from './schema.js';

const flag = (value: boolean): number => (value ? 1 : 0);
/** Clocks may give fractions of a millisecond. */
const time = (value: number): number => Math.floor(value);
const timeOrNull = (value: number | undefined): number | null =>
  value === undefined ? null : time(value);
/** The state's 0 stands for "nobody, it is tagged". */
const owner = (userId: number): number | null => (userId === 0 ? null : userId);

export function tailnetRow(tailnet: TailnetRecord): Row<'tailnets'> {
  return { id: tailnet.id, last_address_index: tailnet.lastAddressIndex };
}

export function userRow(user: UserRecord): Row<'users'> {
  return {
    tailnet_id: user.tailnet,
    id: user.id,
    login_name: user.loginName,
    display_name: user.displayName,
  };
}

export function authKeyRow(key: AuthKeyRecord): Row<'pre_auth_keys'> {
  return {
    tailnet_id: key.tailnet,
    id: key.id,
    purpose: key.purpose,
    secret_sha256: key.secretSha256,
    user_id: owner(key.userId),
    tags: JSON.stringify(key.tags),
    reusable: flag(key.reusable),
    ephemeral: flag(key.ephemeral),
    created_at: time(key.createdAt),
    expires_at: timeOrNull(key.expiresAt),
    used_at: timeOrNull(key.usedAt),
    revoked_at: timeOrNull(key.revokedAt),
  };
}

export function nodeRow(node: NodeRecord): Row<'nodes'> {
  return {
    tailnet_id: node.tailnet,
    id: node.id,
    kind: node.kind,
    stable_id: node.stableId,
    machine_key: formatPublicKey('machine', node.machineKey),
    node_key: formatPublicKey('node', node.nodeKey),
    disco_key: node.discoKey === undefined ? null : formatPublicKey('disco', node.discoKey),
    user_id: owner(node.userId),
    tags: JSON.stringify(node.tags),
    auth_key_id: node.authKeyId ?? null,
    ephemeral: flag(node.ephemeral),
    ipv4: node.addresses.v4,
    ipv6: node.addresses.v6,
    label: node.label,
    label_given: flag(node.labelGiven),
    host_name: node.hostName,
    host_info: JSON.stringify(node.hostInfo),
    net_info: node.netInfo === undefined ? null : JSON.stringify(node.netInfo),
    endpoints: JSON.stringify(node.endpoints),
    approved_routes: JSON.stringify(node.approvedRoutes),
    cap_version: node.capVersion,
    created_at: time(node.createdAt),
    key_expiry: timeOrNull(node.keyExpiry),
    last_seen: timeOrNull(node.lastSeen),
  };
}

export function readTailnetRow(row: unknown): TailnetRecord {
  const read = new RecordReader(row);
  return { id: read.text('id'), lastAddressIndex: read.integer('last_address_index', 0) };
}

export function readUserRow(row: unknown): UserRecord {
  const read = new RecordReader(row);
  return {
    id: read.integer('id', 1),
    tailnet: read.text('tailnet_id'),
    loginName: read.text('login_name'),
    displayName: read.text('display_name'),
  };
}

export function readAuthKeyRow(row: unknown): AuthKeyRecord {
  const read = new RecordReader(row);
  const secretSha256 = read.text('secret_sha256');
  if (!/^[0-9a-f]{64}$/.test(secretSha256)) damaged('secret_sha256');
  return {
    id: read.text('id'),
    purpose: readPurpose(read.text('purpose')),
    tailnet: read.text('tailnet_id'),
    secretSha256,
    userId: read.integerOr('user_id', 1, 0),
    tags: readTags(read),
    reusable: read.flag('reusable'),
    ephemeral: read.flag('ephemeral'),
    createdAt: read.time('created_at'),
    expiresAt: read.timeOrNone('expires_at'),
    usedAt: read.timeOrNone('used_at'),
    revokedAt: read.timeOrNone('revoked_at'),
  };
}

export function readNodeRow(row: unknown): NodeRecord {
  const read = new RecordReader(row);
  return {
    id: read.integer('id', 1),
    kind: readKind(read.text('kind')),
    stableId: read.text('stable_id'),
    tailnet: read.text('tailnet_id'),
    machineKey: read.key('machine', 'machine_key'),
    nodeKey: read.key('node', 'node_key'),
    discoKey: read.has('disco_key') ? read.key('disco', 'disco_key') : undefined,
    userId: read.integerOr('user_id', 1, 0),
    tags: readTags(read),
    authKeyId: read.has('auth_key_id') ? read.text('auth_key_id') : undefined,
    ephemeral: read.flag('ephemeral'),
    addresses: { v4: read.address('ipv4'), v6: read.address('ipv6') },
    label: read.text('label'),
    labelGiven: read.flag('label_given'),
    hostName: read.text('host_name'),
    hostInfo: readObject(read, 'host_info'),
    netInfo: read.has('net_info') ? readObject(read, 'net_info') : undefined,
    endpoints: new RecordReader({ list: read.json('endpoints') }).list('list', readEndpoint),
    approvedRoutes: new RecordReader({ list: read.json('approved_routes') }).list(
      'list',
      readRoute,
    ),
    capVersion: read.integer('cap_version', 0),
    createdAt: read.time('created_at'),
    keyExpiry: read.timeOrNone('key_expiry'),
    lastSeen: read.timeOrNone('last_seen'),
  };
}

function readPurpose(text: string): AuthKeyPurpose {
  return text === 'join' || text === 'approve' ? text : damaged('purpose');
}

function readKind(text: string): NodeKind {
  return text === 'machine' || text === 'wireguard' ? text : damaged('kind');
}

function readRoute(value: unknown): Prefix {
  return (typeof value === 'string' ? parsePrefix(value) : undefined) ?? damaged('approved_routes');
}

function readTags(read: RecordReader): readonly string[] {
  return new RecordReader({ list: read.json('tags') }).list('list', readText);
}

function readObject(read: RecordReader, field: string): NodeRecord['hostInfo'] {
  return new RecordReader({ value: read.json(field) }).object('value');
}
