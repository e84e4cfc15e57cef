import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import { generatePrivateKey, isZeroKey, publicKeyFromBytes, publicKeyOf } from './keys.js';
import {
  formatWireGuardKey,
  formatWireGuardPrivateKey,
  parseWireGuardKey,
} from './wireguard-key.js';

test('a key pair reads as `wg genkey` and `wg pubkey` have it', () => {
  const own = generatePrivateKey('node', new SeededRandom(3));
  const key = publicKeyOf(nobleCrypto, 'node', own);
  expect(formatWireGuardPrivateKey(own)).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  expect(parseWireGuardKey(formatWireGuardKey(key))).toBe(key);
});

test('every key but zero comes back from its text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = publicKeyFromBytes('node', bytes);
      expect(parseWireGuardKey(formatWireGuardKey(key))).toBe(isZeroKey(key) ? undefined : key);
    }),
  );
});

test.each(['', 'nodekey:00', `${'A'.repeat(43)}=`, 'A'.repeat(44), `${'B'.repeat(42)}==`])(
  '%j is no key',
  (text) => {
    expect(parseWireGuardKey(text)).toBeUndefined();
  },
);
