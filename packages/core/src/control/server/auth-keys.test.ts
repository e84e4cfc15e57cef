import { expect, test } from 'vitest';
import { wallTime } from '../../base/instant.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { authKeyProblem, findAuthKey, isTag, revokeAuthKey } from './auth-keys.js';
import { authKeysMax, withAuthKey } from './state.js';
import { start, TestNetwork } from './test-network.js';

const DAY_MS = 24 * 3_600_000;

test('keys that ended stay in the list for a season and then leave it', () => {
  const network = new TestNetwork();
  const ended = network.authKey();
  network.register(1, { Auth: { AuthKey: ended } });
  const usable = network.authKey();
  network.wall = wallTime(start + 89 * DAY_MS);
  network.authKey();
  expect(network.state.authKeys.size).toBe(3);
  network.wall = wallTime(start + 91 * DAY_MS);
  network.authKey();
  expect(findAuthKey(network.state, ended, nobleCrypto)).toBeUndefined();
  expect(findAuthKey(network.state, usable, nobleCrypto)).toBeDefined();
  expect(network.register(1, { Auth: { AuthKey: ended } }).outcome).toBe('known');
});

test('a full server makes room by dropping what ended, never what still works', () => {
  const network = new TestNetwork();
  const first = network.authKey();
  const record = findAuthKey(network.state, first, nobleCrypto);
  if (record === undefined) throw new Error('the key is known');
  const authKeys = new Map(network.state.authKeys);
  for (let i = 1; i < authKeysMax; i++) authKeys.set(`k${i}`, { ...record, id: `k${i}` });
  network.state = { ...network.state, authKeys };
  expect(() => network.authKey()).toThrow('there is room');
  network.state = revokeAuthKey(network.state, 'k7', network.wall) ?? network.state;
  network.authKey();
  expect(network.state.authKeys.size).toBe(authKeysMax);
  expect(network.state.authKeys.has('k7')).toBe(false);
});

test('ending a key twice changes nothing, ending an unknown one is told apart', () => {
  const network = new TestNetwork();
  const [id = ''] = network.state.authKeys.keys();
  expect(revokeAuthKey(network.state, id, start)).toBeUndefined();
  network.authKey();
  const [known = ''] = network.state.authKeys.keys();
  const ended = revokeAuthKey(network.state, known, start);
  if (ended === undefined) throw new Error('the key is known');
  expect(revokeAuthKey(ended, known, wallTime(start + 1))).toBe(ended);
});

test('a key is judged by its record', () => {
  const network = new TestNetwork();
  network.authKey({ expiresAt: wallTime(start + 1000) });
  const [record] = network.state.authKeys.values();
  if (record === undefined) throw new Error('the key is known');
  expect(authKeyProblem(record, start)).toBeUndefined();
  expect(authKeyProblem(record, wallTime(start + 1000))).toBe('auth key expired');
  expect(authKeyProblem({ ...record, usedAt: start }, start)).toBe('auth key already used');
  expect(authKeyProblem({ ...record, usedAt: start, reusable: true }, start)).toBeUndefined();
  expect(withAuthKey(network.state, record).authKeys.size).toBe(1);
});

test.each(['tag:a', 'tag:Server-2'])('%s is a tag', (tag) => expect(isTag(tag)).toBe(true));
test.each(['a', 'tag:', 'tag:1a', 'tag:a b', 'tag:ä', `tag:${'a'.repeat(64)}`])(
  '%s is no tag',
  (tag) => expect(isTag(tag)).toBe(false),
);
