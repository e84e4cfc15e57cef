import { expect, test } from 'vitest';
import { type Access, mayPass, SCOPES, scopesFor } from './scopes.js';

const AREAS = ['nodes', 'keys', 'users', 'policy', 'system'] as const;
const KINDS = ['read', 'write', 'secret'] as const;
const everything: readonly Access[] = AREAS.flatMap((area) =>
  KINDS.map((kind) => ({ area, kind })),
);

test('`all` passes everywhere, `read` wherever one only looks, nothing nowhere', () => {
  for (const access of everything) {
    expect(mayPass(['all'], access)).toBe(true);
    expect(mayPass(['read'], access)).toBe(access.kind === 'read');
    expect(mayPass([], access)).toBe(false);
    expect(mayPass(['ALL', 'root', ''], access)).toBe(false);
  }
});

test('a scope of an area reads and writes there, and sees no other', () => {
  for (const scope of SCOPES.filter((one) => one !== 'read' && one !== 'all')) {
    for (const access of everything) {
      const isOwn = access.area === scope && access.kind !== 'secret';
      expect([scope, access, mayPass([scope], access)]).toEqual([scope, access, isOwn]);
    }
  }
});

test('tokens and copies of the database are for `all` alone', () => {
  expect(scopesFor({ area: 'system', kind: 'write' })).toEqual(['all']);
  expect(scopesFor({ area: 'system', kind: 'secret' })).toEqual(['all']);
});
