import { instant, wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { silentLogger } from '@warren/shell/log';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ApiTokenRecord } from '../database/token-table.js';
import { parseApiToken } from './api-token.js';
import { TokenBook } from './token-book.js';

const DAY_MS = 24 * 3_600_000;
const START = Date.UTC(2026, 0, 1);

let nowMs: number;
let rows: Map<string, ApiTokenRecord>;
let writes: number;
let isFull: boolean;

function open(): TokenBook {
  return new TokenBook({
    database: {
      readTokens: () => [...rows.values()],
      writeToken: (token) => {
        if (isFull) throw new Error('ENOSPC');
        writes++;
        rows.set(token.id, token);
      },
      deleteTokens: (ids) => {
        for (const id of ids) rows.delete(id);
      },
    },
    crypto: nobleCrypto,
    random: new SeededRandom(rows.size + 1),
    clock: { now: () => instant(0), wall: () => wallTime(nowMs) } as never,
    log: silentLogger,
  });
}

beforeEach(() => {
  nowMs = START;
  rows = new Map();
  writes = 0;
  isFull = false;
});

test('a token opens what it was made for, and its secret is kept nowhere', () => {
  const book = open();
  const made = book.create({ scopes: ['nodes', 'read', 'nodes'], description: 'script' });
  expect(book.find(made.token)).toMatchObject({ id: made.id, scopes: ['nodes', 'read'] });
  const secret = parseApiToken(made.token)?.secret ?? 'none';
  expect(JSON.stringify([...rows.values(), ...book.list()])).not.toContain(secret);
  expect(open().find(made.token)).toMatchObject({ id: made.id });
});

test('one wrong character, another token’s secret or no token at all opens nothing', () => {
  const book = open();
  const one = book.create({ scopes: ['all'] }).token;
  const other = book.create({ scopes: ['all'] }).token;
  const swapped = one.slice(0, 22) + other.slice(22);
  for (let at = 0; at < one.length; at++) {
    const letter = one[at] === 'a' ? 'b' : 'a';
    expect(book.find(one.slice(0, at) + letter + one.slice(at + 1))).toBeUndefined();
  }
  for (const wrong of [swapped, '', one.slice(0, -1), `${one}a`, ` ${one}`]) {
    expect(book.find(wrong)).toBeUndefined();
  }
});

describe('a token ends', () => {
  test('after 90 days unless asked otherwise', () => {
    const book = open();
    const { token } = book.create({ scopes: ['read'] });
    nowMs += 90 * DAY_MS - 1;
    expect(book.find(token)).toBeDefined();
    nowMs += 1;
    expect(book.find(token)).toBeUndefined();
    expect(book.list()).toMatchObject([{ usable: false }]);
  });

  test('never when that was asked for', () => {
    const book = open();
    const { token, expiresAt } = book.create({ scopes: ['read'], expiresInMs: null });
    nowMs += 10_000 * DAY_MS;
    expect(expiresAt).toBeNull();
    expect(book.find(token)).toBeDefined();
  });

  test('at once when it is revoked, and stays ended after a restart', () => {
    const book = open();
    const { token, id } = book.create({ scopes: ['read'] });
    expect(book.revoke(id)).toMatchObject({ usable: false });
    expect(book.find(token)).toBeUndefined();
    expect(open().find(token)).toBeUndefined();
    expect(() => book.revoke('nobody')).toThrow(expect.objectContaining({ code: 'TOKEN_UNKNOWN' }));
  });
});

test.each([0, -1, 367 * DAY_MS, Number.NaN, Number.POSITIVE_INFINITY])(
  'a life of %d ms makes no sense',
  (expiresInMs) => {
    const make = () => open().create({ scopes: ['read'], expiresInMs });
    expect(make).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    expect(() => open().create({ scopes: [] })).toThrow();
    expect(writes).toBe(0);
  },
);

test('its use is written once a minute, and a full disk locks nobody out', () => {
  const book = open();
  const { token } = book.create({ scopes: ['read'] });
  writes = 0;
  for (let second = 0; second < 120; second++) {
    book.find(token);
    nowMs += 1000;
  }
  expect(writes).toBe(2);
  isFull = true;
  nowMs += 60_000;
  expect(book.find(token)).toBeDefined();
});

test('tokens are bounded: those that ended make room, usable ones are refused', () => {
  const book = open();
  const first = book.create({ scopes: ['read'] });
  for (let number = 1; number < 1000; number++) book.create({ scopes: ['read'] });
  const more = () => book.create({ scopes: ['read'] });
  expect(more).toThrow(expect.objectContaining({ code: 'TOKENS_FULL' }));
  book.revoke(first.id);
  expect(more()).toMatchObject({ usable: true });
  expect(rows.has(first.id)).toBe(false);
});
