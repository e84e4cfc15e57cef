/**
 * Making, judging and ending pre-auth keys and approval codes. Only the SHA-256 of a secret is kept, and it is
 * compared in constant time; a key's secret has 256 bits, so a slow hash would add nothing. (A code's has 79: no
 * list of hashes makes guessing 2^78 of them worth while, and tries at the page are few.)
 */
import { decodeHex, encodeHex, equalSecret } from '../../base/bytes.js';
import type { WallTime } from '../../base/instant.js';
import { encodeUtf8 } from '../../base/text.js';
import type { Crypto, Random } from '../../ports.js';
import { type ApprovalCode, generateApprovalCode, parseApprovalCode } from '../approval-code.js';
import { type AuthKey, generateAuthKey, parseAuthKey } from '../auth-key.js';
import {
  type AuthKeyPurpose,
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

export interface CreatedApprovalCode {
  readonly state: ControlState;
  readonly record: AuthKeyRecord;
  /** With the secret, for the one time it is shown. */
  readonly code: ApprovalCode;
}

/** True for what can be a tag. */
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
  const key = generateAuthKey(random);
  const kept = { id: key.id, secretSha256: hashSecret(crypto, key.secret) };
  const added = addKey(state, order, 'join', kept, wall);
  return added === undefined ? undefined : { ...added, key };
}

/** Makes an approval code; undefined when the server holds as many usable keys and codes as it may. */
export function createApprovalCode(
  state: ControlState,
  order: AuthKeyOrder,
  crypto: Crypto,
  random: Random,
  wall: WallTime,
): CreatedApprovalCode | undefined {
  let code = generateApprovalCode(random);
  while (state.authKeys.has(code.id)) code = generateApprovalCode(random);
  const kept = { id: code.id, secretSha256: hashSecret(crypto, code.secret) };
  const added = addKey(state, order, 'approve', kept, wall);
  return added === undefined ? undefined : { ...added, code };
}

function addKey(
  state: ControlState,
  order: AuthKeyOrder,
  purpose: AuthKeyPurpose,
  kept: Pick<AuthKeyRecord, 'id' | 'secretSha256'>,
  wall: WallTime,
): { readonly state: ControlState; readonly record: AuthKeyRecord } | undefined {
  const roomy = withoutEndedKeys(state, wall);
  if (roomy.authKeys.size >= authKeysMax) return undefined;
  const owned = ensureUser(roomy, order.tailnet, order.loginName, order.displayName);
  const record: AuthKeyRecord = {
    ...kept,
    purpose,
    tailnet: order.tailnet,
    userId: order.tags.length > 0 ? 0 : owned.user.id,
    tags: order.tags,
    reusable: order.reusable,
    ephemeral: order.ephemeral,
    createdAt: wall,
    expiresAt: order.expiresAt,
    usedAt: undefined,
    revokedAt: undefined,
  };
  return { state: withAuthKey(owned.state, record), record };
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
  return provenRecord(state, parseAuthKey(text), 'join', crypto);
}

/** The same of an approval code, as a person typed it. */
export function findApprovalCode(
  state: ControlState,
  typed: string,
  crypto: Crypto,
): AuthKeyRecord | undefined {
  return provenRecord(state, parseApprovalCode(typed), 'approve', crypto);
}

function provenRecord(
  state: ControlState,
  offer: Pick<AuthKey, 'id' | 'secret'> | undefined,
  purpose: AuthKeyPurpose,
  crypto: Crypto,
): AuthKeyRecord | undefined {
  if (offer === undefined) return undefined;
  const offered = crypto.sha256(encodeUtf8(offer.secret));
  const record = state.authKeys.get(offer.id);
  const expected = decodeHex(record?.secretSha256 ?? '') ?? new Uint8Array();
  return equalSecret(offered, expected) && record?.purpose === purpose ? record : undefined;
}

/** What is wrong with a key, in words for the person who used it; undefined: it lets a node in. */
export function authKeyProblem(
  record: AuthKeyRecord | undefined,
  wall: WallTime,
  what = 'auth key',
): string | undefined {
  if (record === undefined) return `invalid ${what}`;
  if (record.revokedAt !== undefined) return `${what} expired`;
  if (record.expiresAt !== undefined && record.expiresAt <= wall) return `${what} expired`;
  if (record.usedAt !== undefined && !record.reusable) return `${what} already used`;
  return undefined;
}
