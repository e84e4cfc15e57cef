/**
 * headscale's SQLite database (version 0.28) read into records. A copy is read, never the file itself; headscale must
 * not be running, or what it is just writing may be missing.
 *
 *     users           name, display_name
 *     nodes           keys, addresses, names, user_id (null: tagged), tags, expiry, approved_routes, host_info, ...
 *     pre_auth_keys   of keys only bcrypt hashes: what they were good for
 *
 * Lists are JSON in text columns, times `2026-11-23 09:31:27.735035251+00:00`, and year 1 is no time.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { asArray, asObject, type JsonObject, parseJson } from '@warren/core/base/json';
import { encodeUtf8 } from '@warren/core/base/text';
import { FileError } from '@warren/shell/errors';
import { fileError } from '@warren/shell/files/atomic-file';
import { SqliteConnection, SqliteFailure } from '../database/sqlite-driver.js';

/** Machines say less of themselves; what has more is dropped. */
const HOST_INFO_CHARACTERS_MAX = 16 * 1024;

export interface HeadscaleUser {
  readonly id: number;
  readonly name: string;
  readonly displayName: string;
}

export interface HeadscaleNode {
  readonly id: number;
  readonly machineKey: string;
  readonly nodeKey: string;
  readonly discoKey: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly hostName: string;
  readonly givenName: string;
  /** Undefined: tagged. */
  readonly userId: number | undefined;
  readonly tags: readonly string[];
  readonly ephemeral: boolean;
  readonly endpoints: readonly string[];
  readonly hostInfo: JsonObject;
  readonly approvedRoutes: readonly string[];
  readonly createdAt: WallTime | undefined;
  readonly expiry: WallTime | undefined;
  readonly lastSeen: WallTime | undefined;
}

/** Of a key without its secret. */
export interface HeadscaleKey {
  readonly prefix: string;
  readonly userId: number | undefined;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly used: boolean;
  readonly expiresAt: WallTime | undefined;
}

export interface HeadscaleRecords {
  readonly users: readonly HeadscaleUser[];
  readonly nodes: readonly HeadscaleNode[];
  readonly keys: readonly HeadscaleKey[];
  readonly apiKeys: number;
  /** It keeps its policy here, not in a file. */
  readonly hasPolicy: boolean;
}

/** `scratch`: a directory of ours to work in. Throws FileError. */
export function readHeadscale(file: string, scratch: string): HeadscaleRecords {
  const directory = fs.mkdtempSync(path.join(scratch, '.headscale-'));
  const copy = path.join(directory, 'copy.db');
  try {
    copyTo(file, copy);
    const connection = new SqliteConnection(copy, false);
    try {
      return readAll(connection);
    } finally {
      connection.close();
    }
  } catch (error) {
    if (!(error instanceof SqliteFailure)) throw error;
    throw new FileError(
      'FILE_CORRUPT',
      file,
      `${file} is no database of headscale 0.28: ${error.message}`,
      'Name its SQLite file (database.sqlite.path of its configuration); upgrade an older headscale first.',
      error,
    );
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** With the log beside it, where the latest changes may still be. */
function copyTo(file: string, copy: string): void {
  if (!fs.existsSync(file)) {
    const hint = 'Name the SQLite file of headscale (database.sqlite.path of its configuration).';
    throw new FileError('FILE_MISSING', file, `there is no ${file}`, hint);
  }
  try {
    fs.copyFileSync(file, copy);
    if (fs.existsSync(`${file}-wal`)) fs.copyFileSync(`${file}-wal`, `${copy}-wal`);
  } catch (error) {
    throw fileError('FILE_UNREADABLE', file, 'read', error);
  }
}

type Row = Readonly<Record<string, unknown>>;

function readAll(connection: SqliteConnection): HeadscaleRecords {
  const users = connection.all('SELECT * FROM users WHERE deleted_at IS NULL ORDER BY id');
  const keys = connection.all('SELECT * FROM pre_auth_keys ORDER BY id');
  const nodes = connection.all(
    `SELECT nodes.*, nodes.tags AS own_tags, pre_auth_keys.ephemeral AS by_ephemeral
     FROM nodes LEFT JOIN pre_auth_keys ON pre_auth_keys.id = nodes.auth_key_id
     WHERE nodes.deleted_at IS NULL ORDER BY nodes.id`,
  );
  const [apiKeys] = connection.all('SELECT count(*) AS number FROM api_keys');
  const [policies] = connection.all(
    'SELECT count(*) AS number FROM policies WHERE deleted_at IS NULL',
  );
  return {
    users: users.map((row) => ({
      id: Number(row['id']),
      name: text(row, 'name'),
      displayName: text(row, 'display_name'),
    })),
    nodes: nodes.map(nodeOf),
    keys: keys.map((row) => ({
      prefix: text(row, 'prefix'),
      userId: row['user_id'] === null ? undefined : Number(row['user_id']),
      tags: texts(row['tags']),
      reusable: row['reusable'] === 1,
      used: row['used'] === 1,
      expiresAt: time(row['expiration']),
    })),
    apiKeys: Number(apiKeys?.['number']),
    hasPolicy: Number(policies?.['number']) > 0,
  };
}

function nodeOf(row: Row): HeadscaleNode {
  const info = text(row, 'host_info');
  const isBearable = info.length <= HOST_INFO_CHARACTERS_MAX;
  return {
    id: Number(row['id']),
    machineKey: text(row, 'machine_key'),
    nodeKey: text(row, 'node_key'),
    discoKey: text(row, 'disco_key'),
    ipv4: text(row, 'ipv4'),
    ipv6: text(row, 'ipv6'),
    hostName: text(row, 'hostname'),
    givenName: text(row, 'given_name'),
    userId: row['user_id'] === null ? undefined : Number(row['user_id']),
    tags: texts(row['own_tags']),
    ephemeral: row['by_ephemeral'] === 1,
    endpoints: texts(row['endpoints']),
    hostInfo: (isBearable ? asObject(parseJson(encodeUtf8(info))) : undefined) ?? {},
    approvedRoutes: texts(row['approved_routes']),
    createdAt: time(row['created_at']),
    expiry: time(row['expiry']),
    lastSeen: time(row['last_seen']),
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : '';
}

/** A list as headscale writes it: JSON, or nothing at all. */
function texts(value: unknown): readonly string[] {
  if (typeof value !== 'string') return [];
  return asArray(parseJson(encodeUtf8(value))).filter((entry) => typeof entry === 'string');
}

/** Undefined: none, or that of year 1, which Go writes for none. */
function time(value: unknown): WallTime | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? ?([+-]\d\d:\d\d)/.exec(value);
  if (match === null) return undefined;
  const [, date = '', clock = '', fraction = '', zone = ''] = match;
  const ms = Date.parse(`${date}T${clock}${fraction.slice(0, 4)}${zone}`);
  return Number.isFinite(ms) && ms > 0 ? wallTime(ms) : undefined;
}
