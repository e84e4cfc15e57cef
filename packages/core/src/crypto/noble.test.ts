import { createCipheriv, createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { bitFlips, truncations } from '../base/mutations.js';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto as crypto, naclBeforeNm } from './noble.js';
import {
  blake2s,
  chacha20Poly1305,
  diffieHellman,
  keyedBlake2s,
  lowOrderPoints,
  naclBox,
  x25519,
  x25519Iterated,
  xChaCha20Poly1305,
} from './vectors.js';

const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce12 = fc.uint8Array({ minLength: 12, maxLength: 12 });
const text = fc.uint8Array({ maxLength: 200 });
const sharedOf = (scalar: Uint8Array, point: Uint8Array) =>
  crypto.x25519(scalar, point) ?? new Uint8Array();

test('X25519 gives the vectors of RFC 7748', () => {
  for (const { scalar, point, shared } of x25519) {
    expect(encodeHex(sharedOf(hexLiteral(scalar), hexLiteral(point)))).toBe(shared);
  }
  const { alicePrivate, alicePublic, bobPrivate, bobPublic, shared } = diffieHellman;
  expect(encodeHex(crypto.x25519PublicKey(hexLiteral(alicePrivate)))).toBe(alicePublic);
  expect(encodeHex(crypto.x25519PublicKey(hexLiteral(bobPrivate)))).toBe(bobPublic);
  expect(encodeHex(sharedOf(hexLiteral(alicePrivate), hexLiteral(bobPublic)))).toBe(shared);
  expect(encodeHex(sharedOf(hexLiteral(bobPrivate), hexLiteral(alicePublic)))).toBe(shared);
});

test('X25519 iterated a thousand times gives the vector of RFC 7748', () => {
  let k: Uint8Array = hexLiteral(`09${'00'.repeat(31)}`);
  let u = k;
  for (let i = 1; i <= 1000; i++) {
    [k, u] = [sharedOf(k, u), k];
    if (i === 1) expect(encodeHex(k)).toBe(x25519Iterated[1]);
  }
  expect(encodeHex(k)).toBe(x25519Iterated[1000]);
});

test('points of low order have no shared secret and no box', () => {
  const privateKey = hexLiteral(diffieHellman.alicePrivate);
  for (const point of lowOrderPoints) {
    const bytes = hexLiteral(point);
    expect(crypto.x25519(privateKey, bytes)).toBeUndefined();
    expect(crypto.boxShared(privateKey, bytes)).toBeUndefined();
    bytes[31] = (bytes[31] ?? 0) | 0x80; // X25519 ignores the top bit
    expect(crypto.x25519(privateKey, bytes)).toBeUndefined();
  }
});

test('ChaCha20-Poly1305 gives the vector of RFC 8439 and opens it', () => {
  const { key, nonce, associated, plaintext, sealed } = chacha20Poly1305;
  const [k, n, ad] = [hexLiteral(key), hexLiteral(nonce), hexLiteral(associated)];
  const plain = encodeUtf8(plaintext);
  const target = new Uint8Array(plain.length + 16);
  crypto.seal(k, n, ad, plain, 0, plain.length, target, 0);
  expect(encodeHex(target)).toBe(sealed);
  const back = new Uint8Array(plain.length);
  expect(crypto.open(k, n, ad, target, 0, target.length, back, 0)).toBe(true);
  expect(back).toEqual(plain);
});

test('sealing agrees with OpenSSL, at any offset and in place', () => {
  fc.assert(
    fc.property(key32, nonce12, text, text, fc.nat(9), (key, nonce, ad, plain, at) => {
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
      cipher.setAAD(ad, { plaintextLength: plain.length });
      const expected = concatBytes(cipher.update(plain), cipher.final(), cipher.getAuthTag());

      const memory = new Uint8Array(at + plain.length + 16 + 5).fill(0xee);
      memory.set(plain, at);
      crypto.seal(key, nonce, ad, memory, at, plain.length, memory, at);
      expect(memory.slice(at, at + expected.length)).toEqual(expected);
      expect(memory.slice(0, at).every((byte) => byte === 0xee)).toBe(true);
      expect(memory.slice(at + expected.length)).toEqual(new Uint8Array(5).fill(0xee));

      expect(crypto.open(key, nonce, ad, memory, at, expected.length, memory, at)).toBe(true);
      expect(memory.slice(at, at + plain.length)).toEqual(plain);
    }),
  );
});

test('a sealed message that was touched does not open', () => {
  const { key, nonce, associated, sealed } = chacha20Poly1305;
  const [k, n, ad] = [hexLiteral(key), hexLiteral(nonce), hexLiteral(associated)];
  const target = new Uint8Array(200);
  const opens = (bytes: Uint8Array, associatedData = ad) =>
    crypto.open(k, n, associatedData, bytes, 0, bytes.length, target, 0);
  for (const bytes of bitFlips(hexLiteral(sealed))) expect(opens(bytes)).toBe(false);
  for (const bytes of truncations(hexLiteral(sealed))) expect(opens(bytes)).toBe(false);
  for (const other of bitFlips(ad)) expect(opens(hexLiteral(sealed), other)).toBe(false);
});

test('a transport cipher seals in place under the nonce of its counter, and opens only that', () => {
  const key = hexLiteral(chacha20Poly1305.key);
  const cipher = crypto.transportCipher(key);
  const opener = crypto.transportCipher(key);
  key.fill(0); // it has its own copy
  const counters = [0, 1, 0xffff_ffff, 2 ** 32, 0x0012_3456_789a_bcde];
  for (const counter of counters) {
    const memory = new Uint8Array(3 + 40 + 16 + 2).fill(0xee);
    cipher.seal(counter, memory, 3, 40);
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), true);
    const expected = new Uint8Array(56).fill(0xee);
    const ad = new Uint8Array();
    crypto.seal(hexLiteral(chacha20Poly1305.key), nonce, ad, expected, 0, 40, expected, 0);
    expect(memory.slice(3, 59)).toEqual(expected);
    expect(opener.open(counter + 1, memory.slice(), 3, 56)).toBe(false);
    expect(opener.open(counter, memory.slice(), 3, 15)).toBe(false);
    expect(opener.open(counter, memory, 3, 56)).toBe(true);
    expect(memory.slice(0, 43)).toEqual(new Uint8Array(43).fill(0xee));
  }
});

test('an erased transport cipher has forgotten its key', () => {
  const cipher = crypto.transportCipher(hexLiteral(chacha20Poly1305.key));
  const sealed = new Uint8Array(32);
  cipher.seal(7, sealed, 0, 16);
  cipher.erase();
  expect(cipher.open(7, sealed, 0, 32)).toBe(false);
});

test('BLAKE2s gives the vectors of RFC 7693, its self test included', () => {
  expect(encodeHex(crypto.blake2s(32, encodeUtf8('abc')))).toBe(blake2s.abc);
  const results: Uint8Array[] = [];
  // The self test also goes through lengths that the port doesn't name.
  for (const length of [16, 20, 28, 32] as (16 | 32)[]) {
    for (const inputBytes of [0, 3, 64, 65, 255, 1024]) {
      const input = rfc7693Sequence(inputBytes);
      results.push(crypto.blake2s(length, input));
      results.push(crypto.blake2s(length, input, rfc7693Sequence(length)));
    }
  }
  expect(encodeHex(crypto.blake2s(32, concatBytes(...results)))).toBe(blake2s.selfTest);
});

/** Appendix E's Fibonacci-like filler, seeded by its length. */
function rfc7693Sequence(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let a = Math.imul(0xdead4bad, length);
  let b = 1;
  for (let i = 0; i < length; i++) {
    const sum = (a + b) | 0;
    [a, b] = [b, sum];
    bytes[i] = sum >>> 24;
  }
  return bytes;
}

test('keyed BLAKE2s gives both lengths', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  for (const { inputBytes, of32, of16 } of keyedBlake2s) {
    const input = Uint8Array.from({ length: inputBytes }, (_, i) => i);
    expect(encodeHex(crypto.blake2s(32, input, key))).toBe(of32);
    expect(encodeHex(crypto.blake2s(16, input, key))).toBe(of16);
  }
});

test('hashes and HMAC agree with OpenSSL', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), text, (key, input) => {
      const hash = (name: string) => createHash(name).update(input).digest('hex');
      expect(encodeHex(crypto.blake2s(32, input))).toBe(hash('blake2s256'));
      expect(encodeHex(crypto.sha256(input))).toBe(hash('sha256'));
      const hmac = createHmac('blake2s256', key).update(input).digest('hex');
      expect(encodeHex(crypto.hmacBlake2s(key, input))).toBe(hmac);
    }),
  );
});

test('the NaCl box gives the vectors of its paper', () => {
  const { alicePrivate, bobPublic, bobPrivate, alicePublic, shared } = diffieHellman;
  expect(encodeHex(naclBeforeNm(hexLiteral(shared)))).toBe(naclBox.firstKey);
  const sender = crypto.boxShared(hexLiteral(alicePrivate), hexLiteral(bobPublic));
  const receiver = crypto.boxShared(hexLiteral(bobPrivate), hexLiteral(alicePublic));
  expect(sender).toEqual(receiver);
  if (sender === undefined) throw new Error('a shared key');
  const [nonce, message] = [hexLiteral(naclBox.nonce), hexLiteral(naclBox.message)];
  expect(encodeHex(crypto.boxSeal(sender, nonce, message))).toBe(naclBox.sealed);
  expect(crypto.boxOpen(sender, nonce, hexLiteral(naclBox.sealed))).toEqual(message);
});

test('a box that was touched does not open', () => {
  const key = hexLiteral(naclBox.firstKey);
  const nonce = hexLiteral(naclBox.nonce);
  const sealed = crypto.boxSeal(key, nonce, encodeUtf8('hello'));
  for (const bytes of [...bitFlips(sealed), ...truncations(sealed)]) {
    expect(crypto.boxOpen(key, nonce, bytes)).toBeUndefined();
  }
  expect(crypto.boxOpen(key, hexLiteral('00'.repeat(24)), sealed)).toBeUndefined();
});

test('XChaCha20-Poly1305 gives the vector of its draft, opens it and refuses everything else', () => {
  const { key, nonce, associated, plaintext, sealed } = xChaCha20Poly1305;
  const [k, n, ad] = [hexLiteral(key), hexLiteral(nonce), hexLiteral(associated)];
  const plain = encodeUtf8(plaintext);
  const made = crypto.xSeal(k, n, ad, plain);
  expect(encodeHex(made)).toBe(sealed);
  expect(crypto.xOpen(k, n, ad, made)).toEqual(plain);
  for (const damaged of [...truncations(made), ...bitFlips(made)]) {
    expect(crypto.xOpen(k, n, ad, damaged)).toBeUndefined();
  }
  for (const other of bitFlips(ad)) expect(crypto.xOpen(k, n, other, made)).toBeUndefined();
});
