/** The tokens of the admin API: in memory to be asked at each request, in the database to last. */
import { decodeHex, encodeHex, equalSecret } from '@warren/core/base/bytes';
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { encodeUtf8 } from '@warren/core/base/text';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../../errors.js';
import { invalid } from '../admin-input.js';
import type { ApiTokenInfo, ApiTokenRequest, CreatedApiTokenInfo } from '../admin-types.js';
import type { ControlDatabase } from '../database/control-database.js';
import type { ApiTokenRecord } from '../database/token-table.js';
import { formatApiToken, generateApiToken, parseApiToken } from './api-token.js';

/** Tokens kept, ended ones included: one per program and person, with room to spare. */
const TOKENS_MAX = 1000;
/** Long enough to be renewed each quarter, short enough that a forgotten one ends. */
const LIFE_DEFAULT_MS = 90 * 24 * 3_600_000;
const LIFE_MAX_MS = 366 * 24 * 3_600_000;
/** How exact "last used" is: a write per minute and token at most. */
const USE_STEP_MS = 60_000;
/** What a token is compared with that names none: a wrong id takes the time of a wrong secret. */
const NO_HASH = new Uint8Array(32);

export interface TokenBookOptions {
  readonly database: Pick<ControlDatabase, 'readTokens' | 'writeToken' | 'deleteTokens'>;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
}

export class TokenBook {
  readonly #options: TokenBookOptions;
  readonly #tokens: Map<string, ApiTokenRecord>;

  /** Throws FileError. */
  constructor(options: TokenBookOptions) {
    this.#options = options;
    this.#tokens = new Map(options.database.readTokens().map((token) => [token.id, token]));
  }

  /** All, the oldest first. */
  list(): readonly ApiTokenInfo[] {
    return [...this.#tokens.values()].map((token) => this.#info(token));
  }

  create(request: ApiTokenRequest): CreatedApiTokenInfo {
    const { random, clock, crypto } = this.#options;
    const wall = clock.wall();
    if (request.scopes.length === 0) {
      throw invalid('a token without scopes opens nothing', 'Name one: read, nodes, ... or all.');
    }
    const expiresAt = endOf(request.expiresInMs, wall);
    this.#makeRoom(wall);
    const token = generateApiToken(random);
    const record: ApiTokenRecord = {
      id: token.id,
      secretSha256: encodeHex(crypto.sha256(encodeUtf8(token.secret))),
      description: request.description ?? '',
      scopes: [...new Set(request.scopes)].sort(),
      createdAt: wall,
      expiresAt,
      usedAt: undefined,
      revokedAt: undefined,
    };
    this.#put(record);
    return { ...this.#info(record), token: formatApiToken(token) };
  }

  /** Ends a token now. Of one that has ended already the time stays. */
  revoke(id: string): ApiTokenInfo {
    const token = this.#tokens.get(id);
    if (token === undefined) {
      throw new ControlError(
        'TOKEN_UNKNOWN',
        `there is no token ${JSON.stringify(id.slice(0, 64))}`,
        'List them with `warren control tokens list`; the id is the part after wkey-api-.',
      );
    }
    const ended = { ...token, revokedAt: token.revokedAt ?? this.#options.clock.wall() };
    this.#put(ended);
    return this.#info(ended);
  }

  /** The record of a token that opens something now; its use is remembered. Undefined: it opens nothing. */
  find(text: string): ApiTokenRecord | undefined {
    const { crypto, clock } = this.#options;
    const given = parseApiToken(text);
    if (given === undefined) return undefined;
    const token = this.#tokens.get(given.id);
    const expected = decodeHex(token?.secretSha256 ?? '') ?? NO_HASH;
    const isRight = equalSecret(crypto.sha256(encodeUtf8(given.secret)), expected);
    const wall = clock.wall();
    if (!isRight || token === undefined || !isUsable(token, wall)) return undefined;
    return this.#used(token, wall);
  }

  #used(token: ApiTokenRecord, wall: WallTime): ApiTokenRecord {
    if (token.usedAt !== undefined && wall - token.usedAt < USE_STEP_MS) return token;
    const used = { ...token, usedAt: wall };
    try {
      this.#put(used);
    } catch (error) {
      // A full disk must not lock out who comes to look.
      this.#options.log.warn('the use of a token could not be written', { token: token.id, error });
    }
    return used;
  }

  #put(record: ApiTokenRecord): void {
    this.#options.database.writeToken(record);
    this.#tokens.set(record.id, record);
  }

  /** Forgets those that ended when there are too many. */
  #makeRoom(wall: WallTime): void {
    if (this.#tokens.size < TOKENS_MAX) return;
    const ended = [...this.#tokens.values()].filter((token) => !isUsable(token, wall));
    if (ended.length === 0) {
      throw new ControlError(
        'TOKENS_FULL',
        'this server keeps as many tokens as it can',
        'Revoke some with `warren control tokens revoke`.',
      );
    }
    const ids = ended.map(({ id }) => id);
    this.#options.database.deleteTokens(ids);
    for (const id of ids) this.#tokens.delete(id);
  }

  #info(token: ApiTokenRecord): ApiTokenInfo {
    const text = (time: WallTime | undefined): string | null =>
      time === undefined ? null : formatRfc3339(time);
    return {
      id: token.id,
      description: token.description,
      scopes: token.scopes,
      createdAt: formatRfc3339(token.createdAt),
      expiresAt: text(token.expiresAt),
      usedAt: text(token.usedAt),
      revokedAt: text(token.revokedAt),
      usable: isUsable(token, this.#options.clock.wall()),
    };
  }
}

function isUsable({ revokedAt, expiresAt }: ApiTokenRecord, wall: WallTime): boolean {
  return revokedAt === undefined && (expiresAt === undefined || wall < expiresAt);
}

function endOf(expiresInMs: number | null | undefined, wall: WallTime): WallTime | undefined {
  if (expiresInMs === null) return undefined;
  const lifeMs = expiresInMs ?? LIFE_DEFAULT_MS;
  if (lifeMs > 0 && lifeMs <= LIFE_MAX_MS) return wallTime(Math.ceil(wall + lifeMs));
  throw invalid(
    'a token lives for more than nothing and at most 366 days',
    'Give expiresInMs in milliseconds, or null for one that never expires.',
  );
}
