/**
 * What an operator can do: make, list and end auth keys; list and delete nodes. The same functions serve the
 * admin socket and whoever embeds the server. Shapes are those of the JSON, documented for `warren control`.
 */
import type { WallTime } from '@warren/core/base/instant';
import { wallTime } from '@warren/core/base/instant';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { formatAuthKey, type HubPins } from '@warren/core/control/auth-key';
import {
  authKeyProblem,
  createAuthKey,
  isTag,
  revokeAuthKey,
} from '@warren/core/control/server/auth-keys';
import { fullName } from '@warren/core/control/server/names';
import {
  type AuthKeyRecord,
  type ControlState,
  isExpired,
  type NodeId,
  type NodeRecord,
  TAGGED_USER,
  withoutNode,
} from '@warren/core/control/server/state';
import { formatPublicKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { ControlError } from '../errors.js';
import type { StateStore } from './state-store.js';

/** The only tailnet of a hub; the state could hold more. */
const TAILNET = 'default';
/** Who owns the nodes of keys that name nobody. */
const USER_DEFAULT = 'owner';
/** A key that is pasted within the hour needs no longer life. */
const KEY_LIFE_DEFAULT_MS = 3_600_000;
/** Longer lives are asked for as none at all. */
const KEY_LIFE_MAX_MS = 366 * 24 * 3_600_000;
const TAGS_MAX = 16;

/** A key to make; everything has a default. */
export interface AuthKeyRequest {
  /** Owner of its nodes: a name, or name@domain. */
  readonly user?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly reusable?: boolean | undefined;
  /** Its nodes are deleted half an hour after they went away. */
  readonly ephemeral?: boolean | undefined;
  /** How long it lets nodes in, in milliseconds; null: for ever; default one hour. */
  readonly expiresInMs?: number | null | undefined;
}

/** A key as lists show it: without its secret. */
export interface AuthKeyInfo {
  readonly id: string;
  readonly user: string;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly usedAt: string | null;
  /** False: used up, expired or ended. */
  readonly usable: boolean;
}

/** A fresh key with its text, for the one time it is shown. */
export interface CreatedAuthKeyInfo extends AuthKeyInfo {
  readonly key: string;
}

export interface NodeInfo {
  readonly id: NodeId;
  readonly stableId: string;
  readonly name: string;
  readonly hostName: string;
  readonly user: string;
  readonly tags: readonly string[];
  readonly addresses: readonly string[];
  readonly nodeKey: string;
  readonly machineKey: string;
  readonly endpoints: readonly string[];
  readonly homeRegion: number | null;
  readonly ephemeral: boolean;
  readonly online: boolean;
  readonly expired: boolean;
  readonly createdAt: string;
  readonly lastSeen: string | null;
  readonly keyExpiry: string | null;
}

export interface AdminOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly store: StateStore;
  readonly baseDomain: string;
  readonly pins: HubPins | undefined;
  readonly isOnline: (node: NodeId) => boolean;
}

const textOf = (time: WallTime | undefined): string | null =>
  time === undefined ? null : formatRfc3339(time);

function invalid(message: string, hint: string): ControlError {
  return new ControlError('REQUEST_INVALID', message, hint);
}

export class ControlAdmin {
  readonly #options: AdminOptions;

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  /** Makes a key and makes it durable. Throws {@link ControlError}. */
  createAuthKey(request: AuthKeyRequest = {}): CreatedAuthKeyInfo {
    const { crypto, random, clock, store, baseDomain, pins } = this.#options;
    const user = checkUser(request.user ?? USER_DEFAULT);
    const wall = clock.wall();
    const order = {
      tailnet: TAILNET,
      loginName: user.includes('@') ? user : `${user}@${baseDomain}`,
      displayName: user.split('@', 1)[0] ?? user,
      tags: checkTags(request.tags ?? []),
      reusable: request.reusable ?? false,
      ephemeral: request.ephemeral ?? false,
      expiresAt: checkLife(request.expiresInMs, wall),
    };
    const created = createAuthKey(store.state, order, crypto, random, wall);
    if (created === undefined) {
      throw new ControlError(
        'AUTH_KEYS_FULL',
        'this server keeps as many auth keys as it can',
        'Use reusable keys instead of many one-shot ones.',
      );
    }
    store.commit(created.state);
    const key = formatAuthKey(pins === undefined ? created.key : { ...created.key, pins });
    return { ...authKeyInfo(store.state, created.record, wall), key };
  }

  /** All keys, the newest last. */
  listAuthKeys(): readonly AuthKeyInfo[] {
    const { store, clock } = this.#options;
    const wall = clock.wall();
    return [...store.state.authKeys.values()].map((key) => authKeyInfo(store.state, key, wall));
  }

  /** Ends a key now; nodes that joined with it stay. Throws {@link ControlError} for an unknown one. */
  expireAuthKey(id: string): AuthKeyInfo {
    const { store, clock } = this.#options;
    const next = revokeAuthKey(store.state, id, clock.wall());
    const record = next?.authKeys.get(id);
    if (next === undefined || record === undefined) {
      throw new ControlError(
        'AUTH_KEY_UNKNOWN',
        `there is no auth key ${id}`,
        'List them with `warren control keys list`; the id is the part after wkey-auth-.',
      );
    }
    store.commit(next);
    return authKeyInfo(next, record, clock.wall());
  }

  /** All nodes by ascending id. */
  listNodes(): readonly NodeInfo[] {
    const { state } = this.#options.store;
    return [...state.nodes.values()].map((node) => this.#nodeInfo(state, node));
  }

  /** Deletes a node: its peers forget it, it has to join again. Throws {@link ControlError}. */
  deleteNode(id: NodeId): NodeInfo {
    const { store } = this.#options;
    const node = store.state.nodes.get(id);
    if (node === undefined) {
      throw new ControlError(
        'NODE_UNKNOWN',
        `there is no node ${id}`,
        'List them with `warren control nodes list`.',
      );
    }
    const info = this.#nodeInfo(store.state, node);
    store.commit(withoutNode(store.state, id));
    return info;
  }

  #nodeInfo(state: ControlState, node: NodeRecord): NodeInfo {
    const { baseDomain, clock, isOnline } = this.#options;
    const home = node.netInfo?.['PreferredDERP'];
    return {
      id: node.id,
      stableId: node.stableId,
      name: fullName(node.label, baseDomain).replace(/\.$/, ''),
      hostName: node.hostName,
      user: loginNameOf(state, node),
      tags: node.tags,
      addresses: [node.addresses.v4, node.addresses.v6],
      nodeKey: formatPublicKey('node', node.nodeKey),
      machineKey: formatPublicKey('machine', node.machineKey),
      endpoints: node.endpoints.map(({ endpoint }) => endpoint),
      homeRegion: typeof home === 'number' && home > 0 ? home : null,
      ephemeral: node.ephemeral,
      online: isOnline(node.id),
      expired: isExpired(node, clock.wall()),
      createdAt: formatRfc3339(node.createdAt),
      lastSeen: textOf(node.lastSeen),
      keyExpiry: textOf(node.keyExpiry),
    };
  }
}

function loginNameOf(
  state: ControlState,
  record: { readonly tags: readonly string[]; readonly userId: number },
): string {
  if (record.tags.length > 0) return TAGGED_USER.loginName;
  return state.users.get(record.userId)?.loginName ?? '';
}

function authKeyInfo(state: ControlState, record: AuthKeyRecord, wall: WallTime): AuthKeyInfo {
  return {
    id: record.id,
    user: loginNameOf(state, record),
    tags: record.tags,
    reusable: record.reusable,
    ephemeral: record.ephemeral,
    createdAt: formatRfc3339(record.createdAt),
    expiresAt: textOf(record.expiresAt),
    usedAt: textOf(record.usedAt),
    usable: authKeyProblem(record, wall) === undefined,
  };
}

function checkUser(user: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(@[A-Za-z0-9.-]{1,190})?$/.test(user)) return user;
  throw invalid(
    `${JSON.stringify(user)} can't be a user`,
    'Use letters, digits, dots and hyphens, with or without @domain: ann, ann@example.net.',
  );
}

function checkTags(tags: readonly string[]): readonly string[] {
  const bad = tags.find((tag) => !isTag(tag));
  if (bad !== undefined) {
    throw invalid(`${JSON.stringify(bad)} can't be a tag`, 'Tags look like tag:server.');
  }
  if (tags.length > TAGS_MAX) throw invalid('too many tags', `Use at most ${TAGS_MAX}.`);
  return [...new Set(tags)].sort();
}

function checkLife(expiresInMs: number | null | undefined, wall: WallTime): WallTime | undefined {
  if (expiresInMs === null) return undefined;
  const lifeMs = expiresInMs ?? KEY_LIFE_DEFAULT_MS;
  if (Number.isFinite(lifeMs) && lifeMs > 0 && lifeMs <= KEY_LIFE_MAX_MS) {
    return wallTime(wall + lifeMs);
  }
  throw invalid(
    'an auth key lives for more than nothing and at most 366 days',
    'Give expiresInMs in milliseconds, or null for a key that never expires.',
  );
}
