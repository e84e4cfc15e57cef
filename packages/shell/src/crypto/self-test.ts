/**
 * Checks a {@link Crypto} against published vectors at start, before any key depends on it. Takes a few
 * milliseconds natively.
 *
 * Sources: RFC 7748 sections 5.2 and 6.1, RFC 8439 section 2.8.2, draft-irtf-cfrg-xchacha-03 appendix
 * A.3.1, RFC 7693 appendix B, the BLAKE2 reference vectors, FIPS 180-2, and the example of the NaCl paper "Cryptography in NaCl" (box of 131 bytes).
 */
import { decodeHex, encodeHex } from '@warren/core/base/bytes';
import { encodeUtf8 } from '@warren/core/base/text';
import type { Crypto } from '@warren/core/ports';
import { CryptoSelfTestError } from '../errors.js';
import { VECTORS } from './self-test-vectors.js';

function hex(text: string): Uint8Array {
  const bytes = decodeHex(text);
  if (bytes === undefined) throw new CryptoSelfTestError('its own vectors');
  return bytes;
}

function check(primitive: string, actual: Uint8Array | undefined, expected: string): void {
  if (actual === undefined || encodeHex(actual) !== expected) {
    throw new CryptoSelfTestError(primitive);
  }
}

function checkX25519(crypto: Crypto): void {
  const { aliceX25519: alice, bobX25519: bob } = VECTORS;
  check('X25519 public key', crypto.x25519PublicKey(hex(alice.private)), alice.public);
  check('X25519', crypto.x25519(hex(alice.private), hex(bob.public)), VECTORS.x25519Shared);
  check('X25519', crypto.x25519(hex(bob.private), hex(alice.public)), VECTORS.x25519Shared);
  const { scalar, point, product } = VECTORS.x25519Unclamped;
  check('X25519 clamping', crypto.x25519(hex(scalar), hex(point)), product);
  if (crypto.x25519(hex(alice.private), new Uint8Array(32)) !== undefined) {
    throw new CryptoSelfTestError('X25519 refusal of low-order points');
  }
}

function checkAead(crypto: Crypto): void {
  const { key, nonce, associated, plaintext, sealed } = VECTORS.aead;
  const clear = encodeUtf8(plaintext);
  const memory = new Uint8Array(clear.length + 16 + 2);
  memory.set(clear, 1);
  crypto.seal(hex(key), hex(nonce), hex(associated), memory, 1, clear.length, memory, 1);
  check('ChaCha20-Poly1305', memory.subarray(1, memory.length - 1), sealed);
  const open = (): boolean =>
    crypto.open(hex(key), hex(nonce), hex(associated), memory, 1, clear.length + 16, memory, 1);
  if (!open()) throw new CryptoSelfTestError('ChaCha20-Poly1305 opening');
  check('ChaCha20-Poly1305 opening', memory.subarray(1, 1 + clear.length), encodeHex(clear));
  memory.set(hex(sealed), 1);
  memory[1] = (memory[1] ?? 0) ^ 1;
  if (open()) throw new CryptoSelfTestError('ChaCha20-Poly1305 authentication');
}

function checkHashes(crypto: Crypto): void {
  const abc = encodeUtf8('abc');
  check('SHA-256', crypto.sha256(abc), VECTORS.sha256Abc);
  check('BLAKE2s-256', crypto.blake2s(32, abc), VECTORS.blake2s256Abc);
  check('BLAKE2s-128', crypto.blake2s(16, abc), VECTORS.blake2s128Abc);
  const key = Uint8Array.from({ length: 32 }, (_, index) => index);
  check('keyed BLAKE2s', crypto.blake2s(32, new Uint8Array(), key), VECTORS.blake2sKeyedEmpty);
  const macKey = hex(VECTORS.hmac.key);
  check('HMAC-BLAKE2s', crypto.hmacBlake2s(macKey, hex(VECTORS.hmac.input)), VECTORS.hmac.output);
}

function checkBox(crypto: Crypto): void {
  const { aliceX25519: alice, bobX25519: bob, box } = VECTORS;
  const shared = crypto.boxShared(hex(alice.private), hex(bob.public));
  check('NaCl box key', shared, box.shared);
  if (shared === undefined) return;
  const sealed = crypto.boxSeal(shared, hex(box.nonce), hex(box.plaintext));
  check('NaCl box', sealed.subarray(0, 32), box.sealedStart);
  check('NaCl box opening', crypto.boxOpen(shared, hex(box.nonce), sealed), box.plaintext);
  sealed[20] = (sealed[20] ?? 0) ^ 1;
  if (crypto.boxOpen(shared, hex(box.nonce), sealed) !== undefined) {
    throw new CryptoSelfTestError('NaCl box authentication');
  }
}

function checkExtendedAead(crypto: Crypto): void {
  const { key, nonce, associated, plaintext, sealed } = VECTORS.xAead;
  const clear = encodeUtf8(plaintext);
  const made = crypto.xSeal(hex(key), hex(nonce), hex(associated), clear);
  check('XChaCha20-Poly1305', made, sealed);
  const opened = crypto.xOpen(hex(key), hex(nonce), hex(associated), made);
  check('XChaCha20-Poly1305 opening', opened, encodeHex(clear));
  made[20] = (made[20] ?? 0) ^ 1;
  if (crypto.xOpen(hex(key), hex(nonce), hex(associated), made) !== undefined) {
    throw new CryptoSelfTestError('XChaCha20-Poly1305 authentication');
  }
}

/** Throws {@link CryptoSelfTestError} unless every primitive answers as published. */
export function selfTestCrypto(crypto: Crypto): void {
  for (const group of [checkX25519, checkAead, checkExtendedAead, checkHashes, checkBox]) {
    try {
      group(crypto);
    } catch (error) {
      if (error instanceof CryptoSelfTestError) throw error;
      throw new CryptoSelfTestError(group.name, error);
    }
  }
}
