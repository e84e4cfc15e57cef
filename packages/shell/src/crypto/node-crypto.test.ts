import { nobleCrypto } from '@warren/core/crypto/noble';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedCache } from './bounded-cache.js';
import { createNodeCrypto } from './node-crypto.js';

const native = createNodeCrypto();
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const anyBytes = fc.uint8Array({ maxLength: 300 });

/** Pure X25519 takes over a millisecond. */
const FEW = { numRuns: 40 };

describe('native and pure cryptography agree', () => {
  test('on X25519, for any private key and any public key (high bit set included)', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (privateKey, publicKey) => {
        expect(native.x25519PublicKey(privateKey)).toEqual(nobleCrypto.x25519PublicKey(privateKey));
        expect(native.x25519(privateKey, publicKey)).toEqual(
          nobleCrypto.x25519(privateKey, publicKey),
        );
      }),
      FEW,
    );
  });

  test('on points of low order: both refuse', () => {
    const privateKey = new Uint8Array(32).fill(9);
    const lowOrder = [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    ];
    for (const hex of lowOrder) {
      const point = new Uint8Array(Buffer.from(hex, 'hex'));
      expect(native.x25519(privateKey, point)).toBeUndefined();
      expect(nobleCrypto.x25519(privateKey, point)).toBeUndefined();
      expect(native.boxShared(privateKey, point)).toBeUndefined();
    }
  });

  test('on hashes', () => {
    fc.assert(
      fc.property(anyBytes, fc.uint8Array({ minLength: 1, maxLength: 32 }), (input, key) => {
        expect(native.sha256(input)).toEqual(nobleCrypto.sha256(input));
        expect(native.blake2s(32, input)).toEqual(nobleCrypto.blake2s(32, input));
        expect(native.blake2s(16, input)).toEqual(nobleCrypto.blake2s(16, input));
        expect(native.blake2s(16, input, key)).toEqual(nobleCrypto.blake2s(16, input, key));
        expect(native.blake2s(32, input, key)).toEqual(nobleCrypto.blake2s(32, input, key));
        expect(native.hmacBlake2s(key, input)).toEqual(nobleCrypto.hmacBlake2s(key, input));
        // Keys longer than the block are hashed first.
        expect(native.hmacBlake2s(input, key)).toEqual(nobleCrypto.hmacBlake2s(input, key));
      }),
    );
  });

  test('on AEAD, in place at an offset, and each opens the other', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), anyBytes, anyBytes, (key, nonce, associated, text) => {
        const sealWith = (crypto: typeof native): Uint8Array => {
          const memory = new Uint8Array(text.length + 20);
          memory.set(text, 3);
          crypto.seal(key, nonce, associated, memory, 3, text.length, memory, 3);
          return memory;
        };
        const sealed = sealWith(native);
        expect(sealed).toEqual(sealWith(nobleCrypto));
        const opened = new Uint8Array(text.length);
        expect(native.open(key, nonce, associated, sealed, 3, text.length + 16, opened, 0)).toBe(
          true,
        );
        expect(opened).toEqual(text);
      }),
    );
  });

  test('on refusing what was changed', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), anyBytes, fc.nat(), (key, nonce, text, where) => {
        const sealed = new Uint8Array(text.length + 16);
        native.seal(key, nonce, new Uint8Array(), text, 0, text.length, sealed, 0);
        const bit = where % (sealed.length * 8);
        sealed[bit >> 3] = (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const target = new Uint8Array(text.length);
        expect(native.open(key, nonce, new Uint8Array(), sealed, 0, sealed.length, target, 0)).toBe(
          false,
        );
      }),
    );
    const short = new Uint8Array(15);
    const key = new Uint8Array(32);
    expect(native.open(key, new Uint8Array(12), short, short, 0, 15, short, 0)).toBe(false);
  });

  test('on NaCl boxes, from either side', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), bytes(24), anyBytes, (a, b, nonce, text) => {
        const toB = native.boxShared(a, native.x25519PublicKey(b));
        const fromA = nobleCrypto.boxShared(b, nobleCrypto.x25519PublicKey(a));
        expect(toB).toEqual(fromA);
        if (toB === undefined || fromA === undefined) return;
        const sealed = native.boxSeal(toB, nonce, text);
        expect(sealed).toEqual(nobleCrypto.boxSeal(fromA, nonce, text));
        expect(native.boxOpen(fromA, nonce, sealed)).toEqual(text);
        sealed[0] = (sealed[0] ?? 0) ^ 1;
        expect(native.boxOpen(fromA, nonce, sealed)).toBeUndefined();
      }),
      FEW,
    );
  });
});

test('results are plain arrays of their own memory', () => {
  const key = new Uint8Array(32).fill(1);
  const results = [
    native.x25519PublicKey(key),
    native.x25519(key, native.x25519PublicKey(new Uint8Array(32).fill(2))),
    native.sha256(key),
    native.blake2s(32, key),
    native.hmacBlake2s(key, key),
  ];
  for (const result of results) {
    expect(Object.getPrototypeOf(result)).toBe(Uint8Array.prototype);
    expect(result?.buffer.byteLength).toBe(32);
  }
});

test('a key that changes in place is not mistaken for its old self', () => {
  const key = new Uint8Array(32).fill(3);
  const first = native.x25519PublicKey(key);
  key[5] = 77;
  expect(native.x25519PublicKey(key)).not.toEqual(first);
});

test('the key cache is bounded and forgets the least recently used', () => {
  const cache = new BoundedCache<string>(2);
  const made: string[] = [];
  const get = (key: string): string =>
    cache.get(key, () => {
      made.push(key);
      return key.toUpperCase();
    });
  expect(['a', 'b', 'a', 'c', 'a', 'b'].map(get)).toEqual(['A', 'B', 'A', 'C', 'A', 'B']);
  expect(made).toEqual(['a', 'b', 'c', 'b']);
  expect(cache.size).toBe(2);
});
