/**
 * Tokens of the admin API: what a program shows in `Authorization: Bearer`.
 *
 *     wkey-api-<id: 12 characters a-z0-9>-<secret: 43 characters, base64url of 32 bytes>
 *
 * The prefix tells it from auth keys, and lets scanners for lost secrets find it. The hub keeps the SHA-256 of the
 * secret: of 256 random bits a slow hash would protect nothing more.
 */
import { encodeBase64Url } from '@warren/core/base/text';
import { randomLabel } from '@warren/core/control/random-label';
import type { Random } from '@warren/core/ports';

const PREFIX = 'wkey-api-';
const ID_CHARACTERS = 12;
const SECRET_BYTES = 32;
const PATTERN = /^wkey-api-([a-z0-9]{12})-([A-Za-z0-9_-]{43})$/;

export interface ApiToken {
  /** Names the token in lists; not secret. */
  readonly id: string;
  /** 43 characters of base64url. */
  readonly secret: string;
}

export function generateApiToken(random: Random): ApiToken {
  const id = randomLabel(random, ID_CHARACTERS);
  return { id, secret: encodeBase64Url(random.fill(new Uint8Array(SECRET_BYTES))) };
}

export function formatApiToken({ id, secret }: ApiToken): string {
  return `${PREFIX}${id}-${secret}`;
}

/** Undefined: it can't be one. */
export function parseApiToken(text: string): ApiToken | undefined {
  const [, id, secret] = PATTERN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}
