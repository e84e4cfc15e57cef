/**
 * What a token may do. Each operation belongs to an area: a token needs the scope of that name to change
 * something there, that or `read` to look; `all` is good for everything, tokens themselves and copies of the
 * database included.
 */

/** Every scope, as tokens carry them. */
export const SCOPES = ['read', 'nodes', 'keys', 'users', 'policy', 'all'] as const;
export type Scope = (typeof SCOPES)[number];

/** `system`: what no scope but `all` changes. */
export type Area = 'nodes' | 'keys' | 'users' | 'policy' | 'system';

export interface Access {
  readonly area: Area;
  /** `secret`: looks at what only `all` may see. */
  readonly kind: 'read' | 'write' | 'secret';
}

/** The scopes that let an operation pass, each alone. */
export function scopesFor({ area, kind }: Access): readonly Scope[] {
  const own: readonly Scope[] = area === 'system' || kind === 'secret' ? [] : [area];
  return kind === 'read' ? ['read', ...own, 'all'] : [...own, 'all'];
}

export function mayPass(scopes: readonly string[], access: Access): boolean {
  return scopesFor(access).some((scope) => scopes.includes(scope));
}
