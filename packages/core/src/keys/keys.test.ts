import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { encodeHex } from '../base/bytes.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import {
  formatPrivateKey,
  formatPublicKey,
  generatePrivateKey,
  isZeroKey,
  type KeyKind,
  parsePrivateKey,
  parsePublicKey,
  privateKeyFromBytes,
  publicKeyBytes,
  publicKeyFromBytes,
  publicKeyOf,
  zeroKey,
} from './keys.js';

const prefixes: Record<KeyKind, string> = {
  node: 'nodekey:',
  disco: 'discokey:',
  machine: 'mkey:',
  challenge: 'chalpub:',
  relay: 'relaykey:',
};
const kinds = Object.keys(prefixes) as KeyKind[];
const hex = '244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49';

test('each kind of key has its own prefix and reads no other', () => {
  for (const kind of kinds) {
    const text = prefixes[kind] + hex;
    const key = parsePublicKey(kind, text);
    expect(key).toBe(hex);
    if (key !== undefined) expect(formatPublicKey(kind, key)).toBe(text);
    for (const other of kinds) {
      if (other !== kind) expect(parsePublicKey(other, text)).toBeUndefined();
    }
    expect(parsePrivateKey(kind, text)).toBeUndefined();
  }
});

test('public keys survive bytes and text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = publicKeyFromBytes('node', bytes);
      expect(publicKeyBytes(key)).toEqual(bytes);
      expect(parsePublicKey('node', formatPublicKey('node', key))).toBe(key);
    }),
  );
});

test('upper-case hex is read, and is the same key', () => {
  expect(parsePublicKey('node', `nodekey:${hex.toUpperCase()}`)).toBe(hex);
});

test('malformed texts are refused', () => {
  const wrong = [
    '',
    hex,
    `nodekey:${hex}0`,
    `nodekey:${hex.slice(1)}`,
    `NODEKEY:${hex}`,
    `nodekey: ${hex}`,
  ];
  for (const text of [...wrong, `nodekey:${hex}\n`, `nodekey:${hex.slice(1)}g`]) {
    expect(parsePublicKey('node', text)).toBeUndefined();
  }
  for (const text of ['', hex, `privkey:${hex}00`, `privkey:${hex.slice(2)}`, `PRIVKEY:${hex}`]) {
    expect(parsePrivateKey('node', text)).toBeUndefined();
  }
  expect(() => publicKeyFromBytes('node', new Uint8Array(31))).toThrow(BugError);
  expect(() => privateKeyFromBytes('node', new Uint8Array(33))).toThrow(BugError);
});

test('the zero key is told from every other, and no private key is zero', () => {
  expect(isZeroKey(zeroKey('node'))).toBe(true);
  expect(parsePublicKey('node', `nodekey:${'0'.repeat(64)}`)).toBe(zeroKey('node'));
  expect(isZeroKey(publicKeyFromBytes('node', new Uint8Array(32).fill(1, 31)))).toBe(false);
  expect(parsePrivateKey('node', `privkey:${'0'.repeat(64)}`)).toBeUndefined();
});

test('private keys are clamped, survive their text form and have a public half', () => {
  const random = new SeededRandom(5);
  for (let i = 0; i < 10; i++) {
    const key = generatePrivateKey('machine', random);
    expect((key[0] ?? 255) & 7).toBe(0);
    expect((key[31] ?? 0) & 0xc0).toBe(0x40);
    expect(parsePrivateKey('machine', formatPrivateKey(key))).toEqual(key);
    expect(formatPrivateKey(key)).toBe(`privkey:${encodeHex(key)}`);
    const bytes = nobleCrypto.x25519PublicKey(key);
    expect(publicKeyOf(nobleCrypto, 'machine', key)).toBe(encodeHex(bytes));
  }
});
