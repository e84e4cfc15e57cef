import { nobleCrypto } from '@warren/core/crypto/noble';
import type { Crypto } from '@warren/core/ports';
import { describe, expect, test } from 'vitest';
import { createNodeCrypto } from './node-crypto.js';
import { selfTestCrypto } from './self-test.js';

test.each([
  ['pure', nobleCrypto],
  ['native', createNodeCrypto()],
])('%s cryptography passes', (_name, crypto) => {
  expect(() => selfTestCrypto(crypto)).not.toThrow();
});

/** A wrong answer of one primitive: the right one with its first bit turned. */
function wrong(answer: Uint8Array | undefined): Uint8Array {
  const bytes = (answer ?? new Uint8Array(32)).slice();
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes;
}

describe('a wrong answer is caught in', () => {
  const broken: Record<string, Partial<Crypto>> = {
    'X25519 public key': { x25519PublicKey: (key) => wrong(nobleCrypto.x25519PublicKey(key)) },
    X25519: { x25519: (a, b) => wrong(nobleCrypto.x25519(a, b)) },
    'X25519 refusal of low-order points': {
      x25519: (a, b) => nobleCrypto.x25519(a, b) ?? new Uint8Array(32),
    },
    'SHA-256': { sha256: (input) => wrong(nobleCrypto.sha256(input)) },
    'BLAKE2s-128': {
      blake2s: (length, input, key) =>
        length === 16
          ? nobleCrypto.blake2s(32, input, key).subarray(0, 16)
          : nobleCrypto.blake2s(length, input, key),
    },
    'keyed BLAKE2s': { blake2s: (length, input) => nobleCrypto.blake2s(length, input) },
    'HMAC-BLAKE2s': { hmacBlake2s: (key, input) => nobleCrypto.blake2s(32, input, key) },
    'ChaCha20-Poly1305 authentication': {
      open(key, nonce, associated, source, sourceAt, length, target, targetAt) {
        nobleCrypto.open(key, nonce, associated, source, sourceAt, length, target, targetAt);
        return true;
      },
    },
    'XChaCha20-Poly1305': {
      xSeal: (k, n, _, text) => nobleCrypto.xSeal(k, n, new Uint8Array(0), text),
    },
    'XChaCha20-Poly1305 authentication': {
      xOpen: (key, nonce, associated, sealed) =>
        nobleCrypto.xOpen(key, nonce, associated, sealed) ?? new Uint8Array(1),
    },
    'NaCl box key': { boxShared: (a, b) => nobleCrypto.x25519(a, b) },
    'NaCl box authentication': {
      boxOpen: (shared, nonce, sealed) => {
        const opened = nobleCrypto.boxOpen(shared, nonce, sealed);
        return opened ?? new Uint8Array(1);
      },
    },
  };
  test.each(Object.entries(broken))('%s', (primitive, part) => {
    expect(() => selfTestCrypto({ ...nobleCrypto, ...part })).toThrow(
      `the cryptography self-test failed at ${primitive}`,
    );
  });
});
