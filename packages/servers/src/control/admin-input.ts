/** What operators may ask for; everything else throws {@link ControlError} REQUEST_INVALID. */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { type AuthKeyOrder, isTag } from '@warren/core/control/server/auth-keys';
import { announcedMax } from '@warren/core/control/server/served-routes';
import { isDefaultRoute, type Prefix, parsePrefix } from '@warren/core/ip/prefix';
import { ControlError } from '../errors.js';
import type { AuthKeyRequest } from './admin-types.js';

/** The only tailnet of a hub; the state could hold more. */
export const TAILNET = 'default';
/** Who owns the nodes of keys that name nobody. */
export const USER_DEFAULT = 'owner';
/** A key that is pasted within the hour needs no longer life. */
const KEY_LIFE_DEFAULT_MS = 3_600_000;
/** Longer lives are asked for as none at all. */
const LIFE_MAX_MS = 366 * 24 * 3_600_000;
const TAGS_MAX = 16;
const DISPLAY_NAME_MAX = 64;

export function invalid(message: string, hint: string): ControlError {
  return new ControlError('REQUEST_INVALID', message, hint);
}

export interface UserNames {
  readonly loginName: string;
  readonly displayName: string;
}

/** The names of a user given as `ann` or `ann@example.net`. */
export function checkUserNames(
  user: string,
  baseDomain: string,
  displayName: string | undefined,
): UserNames {
  const name = checkUser(user);
  const shown = displayName ?? name.split('@', 1)[0] ?? name;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  if (shown === '' || shown.length > DISPLAY_NAME_MAX || /[\u0000-\u001f\u007f]/.test(shown)) {
    throw invalid(
      'the display name is empty, too long or not text',
      `Use 1 to ${DISPLAY_NAME_MAX} characters.`,
    );
  }
  return { loginName: name.includes('@') ? name : `${name}@${baseDomain}`, displayName: shown };
}

function checkUser(user: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(@[A-Za-z0-9.-]{1,190})?$/.test(user)) return user;
  throw invalid(
    `${JSON.stringify(user)} can't be a user`,
    'Use letters, digits, dots and hyphens, with or without @domain: ann, ann@example.net.',
  );
}

export function checkTags(tags: readonly string[]): readonly string[] {
  const bad = tags.find((tag) => !isTag(tag));
  if (bad !== undefined) {
    throw invalid(`${JSON.stringify(bad)} can't be a tag`, 'Tags look like tag:server.');
  }
  if (tags.length > TAGS_MAX) throw invalid('too many tags', `Use at most ${TAGS_MAX}.`);
  return [...new Set(tags)].sort();
}

/** The default routes of both families are approved together. */
const EXIT_ROUTES = ['0.0.0.0/0', '::/0'].flatMap((text) => parsePrefix(text) ?? []);

export function checkRoutes(texts: readonly string[]): readonly Prefix[] {
  const routes = texts.flatMap((text) => {
    const route = parsePrefix(text);
    if (route !== undefined) return isDefaultRoute(route) ? EXIT_ROUTES : [route];
    throw invalid(
      `${JSON.stringify(text)} is no route`,
      'Routes look like 192.168.7.0/24 or fd00:7::/64, without bits behind the prefix.',
    );
  });
  if (routes.length > announcedMax) {
    throw invalid('too many routes', `Approve at most ${announcedMax} of one machine.`);
  }
  return routes;
}

/** When a key ends; undefined: never. */
export function checkKeyLife(
  expiresInMs: number | null | undefined,
  wall: WallTime,
): WallTime | undefined {
  if (expiresInMs === null) return undefined;
  const lifeMs = expiresInMs ?? KEY_LIFE_DEFAULT_MS;
  if (Number.isFinite(lifeMs) && lifeMs > 0 && lifeMs <= LIFE_MAX_MS) {
    return wallTime(Math.ceil(wall + lifeMs));
  }
  throw invalid(
    'an auth key lives for more than nothing and at most 366 days',
    'Give expiresInMs in milliseconds, or null for a key that never expires.',
  );
}

/** When a node's key ends: now, later, or (null) never. */
export function checkNodeLife(
  expiresInMs: number | null | undefined,
  wall: WallTime,
): WallTime | undefined {
  if (expiresInMs === null) return undefined;
  const lifeMs = expiresInMs ?? 0;
  if (Number.isFinite(lifeMs) && lifeMs >= 0 && lifeMs <= LIFE_MAX_MS) {
    return wallTime(Math.ceil(wall + lifeMs));
  }
  throw invalid(
    "a machine's key ends now or within 366 days, or never",
    'Give expiresInMs in milliseconds, or null for a key that never expires.',
  );
}

/** A key or code to make, with the defaults for what is not said. */
export function checkKeyOrder(
  request: AuthKeyRequest,
  baseDomain: string,
  wall: WallTime,
): AuthKeyOrder {
  return {
    tailnet: TAILNET,
    ...checkUserNames(request.user ?? USER_DEFAULT, baseDomain, undefined),
    tags: checkTags(request.tags ?? []),
    reusable: request.reusable ?? false,
    ephemeral: request.ephemeral ?? false,
    expiresAt: checkKeyLife(request.expiresInMs, wall),
  };
}
