/**
 * The pure-JavaScript {@link Crypto}: deterministic, portable, slow (X25519 takes over a millisecond).
 * The simulator and unit tests use it; daemons use the shell's native one.
 */
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { isAllZero } from '../base/bytes.js';
import type { Crypto } from '../ports.js';
import { transportCipherOver } from './transport-cipher.js';

/** "expand 32-byte k", the constant of the Salsa and ChaCha family, as little-endian words. */
const SIGMA = new Uint32Array([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  try {
    const shared = x25519.getSharedSecret(privateKey, publicKey);
    return isAllZero(shared) ? undefined : shared;
  } catch {
    return undefined; // noble throws on low-order points
  }
}

/** HSalsa20(X25519, zero nonce): the key of a NaCl box. */
export function naclBeforeNm(shared: Uint8Array): Uint8Array {
  const out = new Uint32Array(8);
  hsalsa(SIGMA, words(shared), new Uint32Array(4), out);
  return new Uint8Array(out.buffer);
}

/** NaCl box with a precomputed key; tag first. */
export function naclSeal(shared: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return xsalsa20poly1305(shared, nonce).encrypt(plaintext);
}

/** Opens a NaCl box with a precomputed key; undefined when forged. */
export function naclOpen(
  shared: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < 16) return undefined;
  try {
    return xsalsa20poly1305(shared, nonce).decrypt(sealed);
  } catch {
    return undefined;
  }
}

/** XChaCha20-Poly1305; tag last. */
export function xChaChaSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  return xchacha20poly1305(key, nonce, associated).encrypt(plaintext);
}

/** Opens {@link xChaChaSeal}; undefined when forged. */
export function xChaChaOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < 16) return undefined;
  try {
    return xchacha20poly1305(key, nonce, associated).decrypt(sealed);
  } catch {
    return undefined;
  }
}

/** The pure implementation. Stateless; one instance serves everybody. */
export const nobleCrypto: Crypto = {
  x25519: sharedSecret,
  x25519PublicKey: (privateKey) => x25519.getPublicKey(privateKey),
  blake2s: (length, input, key) =>
    blake2s(input, key === undefined ? { dkLen: length } : { dkLen: length, key }),
  hmacBlake2s: (key, input) => hmac(blake2s, key, input),
  seal(key, nonce, associated, source, sourceAt, length, target, targetAt) {
    const cipher = chacha20poly1305(key, nonce, associated);
    target.set(cipher.encrypt(source.subarray(sourceAt, sourceAt + length)), targetAt);
  },
  open(key, nonce, associated, source, sourceAt, length, target, targetAt) {
    if (length < 16) return false;
    try {
      const cipher = chacha20poly1305(key, nonce, associated);
      target.set(cipher.decrypt(source.subarray(sourceAt, sourceAt + length)), targetAt);
      return true;
    } catch {
      return false;
    }
  },
  transportCipher: (key) => transportCipherOver(nobleCrypto, key),
  boxShared(privateKey, publicKey) {
    const shared = sharedSecret(privateKey, publicKey);
    return shared === undefined ? undefined : naclBeforeNm(shared);
  },
  boxSeal: naclSeal,
  boxOpen: naclOpen,
  xSeal: xChaChaSeal,
  xOpen: xChaChaOpen,
  sha256: (input) => sha256(input),
};
