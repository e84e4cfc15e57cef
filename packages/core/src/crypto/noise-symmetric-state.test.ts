import { createHash, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes } from '../base/bytes.js';
import { bitFlips } from '../base/mutations.js';
import { nobleCrypto } from './noble.js';
import { NoiseSymmetricState } from './noise-symmetric-state.js';

/** OpenSSL's HKDF with an empty info gives the outputs of Noise's one after another. */
function hkdf(chainKey: Uint8Array, secret: Uint8Array): readonly Uint8Array[] {
  const bytes = new Uint8Array(hkdfSync('blake2s256', secret, chainKey, '', 96));
  return [bytes.slice(0, 32), bytes.slice(32, 64), bytes.slice(64)];
}

const hashOf = (...parts: readonly Uint8Array[]) =>
  new Uint8Array(
    createHash('blake2s256')
      .update(concatBytes(...parts))
      .digest(),
  );

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const NOTHING = new Uint8Array(0);
const CHAIN_KEY = new Uint8Array(32).fill(1);
const HASH = new Uint8Array(32).fill(2);
const KEY = new Uint8Array(32).fill(3);
const stateOf = (chainKey = CHAIN_KEY, hash = HASH) =>
  new NoiseSymmetricState(nobleCrypto, chainKey, hash);

test('one, two and three outputs agree with the HKDF of OpenSSL', () => {
  fc.assert(
    fc.property(bytes32, bytes32, bytes32, (chainKey, hash, secret) => {
      const [next = NOTHING, second = NOTHING, third = NOTHING] = hkdf(chainKey, secret);
      const split = hkdf(next, NOTHING).slice(0, 2);

      const chained = stateOf(chainKey, hash);
      chained.mixChainKey(secret);
      expect([chained.hash, ...chained.split()]).toEqual([hash, ...split]);

      const keyed = stateOf(chainKey, hash);
      expect(keyed.mixKey(secret)).toEqual(second);
      expect([keyed.hash, ...keyed.split()]).toEqual([hash, ...split]);

      const preshared = stateOf(chainKey, hash);
      expect(preshared.mixKeyAndHash(secret)).toEqual(third);
      expect([preshared.hash, ...preshared.split()]).toEqual([hashOf(hash, second), ...split]);
    }),
    { numRuns: 30 },
  );
});

test('both roles agree on plaintext and transcript, whatever the length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (plaintext) => {
      const [sealing, opening] = [stateOf(), stateOf()];
      const sealed = sealing.sealAndHash(KEY, plaintext);
      expect(sealed).toHaveLength(plaintext.length + 16);
      expect(opening.openAndHash(KEY, sealed)).toEqual(plaintext);
      expect(sealing.hash).toEqual(hashOf(HASH, sealed));
      expect(opening.hash).toEqual(sealing.hash);
    }),
    { numRuns: 30 },
  );
});

test('a sealed part with any bit turned is refused and leaves the transcript as it was', () => {
  const sealed = stateOf().sealAndHash(KEY, CHAIN_KEY);
  const state = stateOf();
  for (const flipped of bitFlips(sealed)) expect(state.openAndHash(KEY, flipped)).toBeUndefined();
  expect(state.hash).toEqual(HASH);
  expect(state.openAndHash(KEY, sealed)).toEqual(CHAIN_KEY);
});

test('a sealed part shorter than its tag is a bug of the caller', () => {
  expect(() => stateOf().openAndHash(KEY, new Uint8Array(15))).toThrow('full length');
});

test('a clone goes its own way, and the arrays given at the start stay as they are', () => {
  const original = stateOf();
  const clone = original.clone();
  clone.mixKeyAndHash(KEY);
  clone.hash.fill(0);
  expect([original.hash, ...original.split()]).toEqual([HASH, ...stateOf().split()]);
  expect(clone.hash).not.toEqual(original.hash);
  expect(clone.split()).not.toEqual(original.split());
  expect([CHAIN_KEY, HASH]).toEqual([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]);
});
