/**
 * Making, judging and ending pre-auth keys. Only the SHA-256 of a secret is kept, and it is compared in
 * constant time; the secret has 256 bits, so a slow hash would add nothing.
 */
import { decodeHex, encodeHex, equalSecret } from '../../base/bytes.js';
import type { WallTime } from '../../base/instant.js';
import { encodeUtf8 } from '../../base/text.js';
import type { Crypto, Random } from '../../ports.js';
import { type AuthKey, generateAuthKey, parseAuthKey } from '../auth-key.js';
import {
  type AuthKeyRecord,
  authKeysMax,
  type ControlState,
  type TailnetId,
  withAuthKey,
} from './state.js';
import { ensureUser } from './users.js';

/** What the key's nodes will be, as an operator asks for it. */
export interface AuthKeyOrder {
  readonly tailnet: TailnetId;
  /** Login name of the user that owns its nodes; made when new. */
  readonly loginName: string;
  readonly displayName: string;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly expiresAt: WallTime | undefined;
}

export interface CreatedAuthKey {
  readonly state: ControlState;
  readonly record: AuthKeyRecord;
  /** With the secret, for the one time it is shown. */
  readonly key: AuthKey;
}

/** Why a tag can't be one; undefined: it can. */
export function isTag(text: string): boolean {
  return /^tag:[A-Za-z][A-Za-z0-9-]{0,62}$/.test(text);
}

function hashSecret(crypto: Crypto, secret: string): string {
  return encodeHex(crypto.sha256(encodeUtf8(secret)));
}

/** Ended keys stay in lists for this long, so that people see what became of them. */
const endedKeptMs = 90 * 24 * 3_600_000;

/** The state without keys that ended long ago; when the server is full, without any that ended. */
function withoutEndedKeys(state: ControlState, wall: WallTime): ControlState {
  const isFull = state.authKeys.size >= authKeysMax;
  const kept = [...state.authKeys].filter(
    ([, key]) =>
      authKeyProblem(key, wall) === undefined || (!isFull && key.createdAt > wall - endedKeptMs),
  );
  return kept.length === state.authKeys.size ? state : { ...state, authKeys: new Map(kept) };
}

/** Makes a key; undefined when the server holds as many usable ones as it may. */
export function createAuthKey(
  state: ControlState,
  order: AuthKeyOrder,
  crypto: Crypto,
  random: Random,
  wall: WallTime,
): CreatedAuthKey | undefined {
  const roomy = withoutEndedKeys(state, wall);
  if (roomy.authKeys.size >= authKeysMax) return undefined;
  const owned = ensureUser(roomy, order.tailnet, order.loginName, order.displayName);
  const key = generateAuthKey(random);
  const record: AuthKeyRecord = {
    id: key.id,
    tailnet: order.tailnet,
    secretSha256: hashSecret(crypto, key.secret),
    userId: order.tags.length > 0 ? 0 : owned.user.id,
    tags: order.tags,
    reusable: order.reusable,
    ephemeral: order.ephemeral,
    createdAt: wall,
    expiresAt: order.expiresAt,
    usedAt: undefined,
    revokedAt: undefined,
  };
  return { state: withAuthKey(owned.state, record), record, key };
}

/** Ends a key now; nodes that joined with it stay. Undefined: there is no such key. */
export function revokeAuthKey(
  state: ControlState,
  id: string,
  wall: WallTime,
): ControlState | undefined {
  const record = state.authKeys.get(id);
  if (record === undefined) return undefined;
  return record.revokedAt === undefined
    ? withAuthKey(state, { ...record, revokedAt: wall })
    : state;
}

/** The record that a key's text names and proves, whatever its condition; undefined: no such key. */
export function findAuthKey(
  state: ControlState,
  text: string,
  crypto: Crypto,
): AuthKeyRecord | undefined {
  const key = parseAuthKey(text);
  if (key === undefined) return undefined;
  const offered = crypto.sha256(encodeUtf8(key.secret));
  const record = state.authKeys.get(key.id);
  const expected = decodeHex(record?.secretSha256 ?? '') ?? new Uint8Array();
  return equalSecret(offered, expected) ? record : undefined;
}

/** What is wrong with a key, in words for the person who used it; undefined: it lets a node in. */
export function authKeyProblem(
  record: AuthKeyRecord | undefined,
  wall: WallTime,
): string | undefined {
  if (record === undefined) return 'invalid auth key';
  if (record.revokedAt !== undefined) return 'auth key expired';
  if (record.expiresAt !== undefined && record.expiresAt <= wall) return 'auth key expired';
  if (record.usedAt !== undefined && !record.reusable) return 'auth key already used';
  return undefined;
}
