import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { bitFlips, truncations } from '../base/mutations.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import {
  type DiscoKey,
  generatePrivateKey,
  privateKeyFromBytes,
  publicKeyOf,
  zeroKey,
} from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import { DiscoBox, ENVELOPE_BYTES, peekSender } from './envelope.js';
import { callMeMaybe, keys, paddedPing, ping, pongV4, pongV6 } from './vectors.js';

const vectors = [ping, paddedPing, pongV4, pongV6, callMeMaybe];

/** Gives bytes that count up from `first`. */
const counting = (first: number): Random => ({
  fill(target) {
    for (let i = 0; i < target.length; i++) target[i] = first + i;
    return target;
  },
});

const keyA = keys.aPublic as DiscoKey;
const keyB = keys.bPublic as DiscoKey;
const privateA = privateKeyFromBytes('disco', hexLiteral(keys.aPrivate));
const privateB = privateKeyFromBytes('disco', hexLiteral(keys.bPrivate));

function boxOf(side: 'a' | 'b', random: Random = counting(0), crypto: Crypto = nobleCrypto) {
  return side === 'a'
    ? new DiscoBox({ crypto, random, ownKey: keyA, ownPrivateKey: privateA, peerKey: keyB })
    : new DiscoBox({ crypto, random, ownKey: keyB, ownPrivateKey: privateB, peerKey: keyA });
}

test('the keys of the vectors belong together', () => {
  expect(publicKeyOf(nobleCrypto, 'disco', privateA)).toBe(keyA);
  expect(publicKeyOf(nobleCrypto, 'disco', privateB)).toBe(keyB);
});

test('the envelopes of the vectors are sealed byte for byte and open at the other side', () => {
  for (const { sender, nonceFrom, inner, envelope } of vectors) {
    const sealed = boxOf(sender, counting(nonceFrom)).seal(hexLiteral(inner));
    if (sealed instanceof DecodeFailure) throw new Error(sealed.reason);
    expect(encodeHex(sealed)).toBe(envelope);
    const opened = boxOf(sender === 'a' ? 'b' : 'a').open(hexLiteral(envelope));
    if (opened instanceof DecodeFailure) throw new Error(opened.reason);
    expect(encodeHex(opened)).toBe(inner);
  }
});

test('any inner message survives between any two keys', () => {
  fc.assert(
    fc.property(fc.integer(), fc.uint8Array({ maxLength: 300 }), (seed, inner) => {
      const random = new SeededRandom(seed);
      const [left, right] = [
        generatePrivateKey('disco', random),
        generatePrivateKey('disco', random),
      ];
      const [leftKey, rightKey] = [left, right].map((key) =>
        publicKeyOf(nobleCrypto, 'disco', key),
      );
      if (leftKey === undefined || rightKey === undefined) throw new Error('two keys');
      const from = { ownKey: leftKey, ownPrivateKey: left, peerKey: rightKey };
      const to = { ownKey: rightKey, ownPrivateKey: right, peerKey: leftKey };
      const sealed = new DiscoBox({ crypto: nobleCrypto, random, ...from }).seal(inner);
      if (sealed instanceof DecodeFailure) throw new Error(sealed.reason);
      expect(sealed).toHaveLength(ENVELOPE_BYTES + inner.length);
      expect(new DiscoBox({ crypto: nobleCrypto, random, ...to }).open(sealed)).toEqual(inner);
    }),
    { numRuns: 20 },
  );
});

test('the sender is read without cryptography, in the middle of memory too', () => {
  const bytes = hexLiteral(ping.envelope);
  expect(peekSender(bytes)).toBe(keyA);
  expect(peekSender(bytes.subarray(0, 38))).toBe(keyA);
  expect(peekSender(bytes.subarray(0, 37))).toBeUndefined();
  const memory = concatBytes(new Uint8Array(5), bytes, new Uint8Array(3));
  expect(peekSender(memory, 5, bytes.length)).toBe(keyA);
  expect(peekSender(memory, 4, bytes.length)).toBeUndefined();
});

test('the shared key is computed once, at first use', () => {
  let computed = 0;
  const crypto: Crypto = {
    ...nobleCrypto,
    boxShared: (privateKey, publicKey) => {
      computed++;
      return nobleCrypto.boxShared(privateKey, publicKey);
    },
  };
  const box = boxOf('b', counting(0), crypto);
  expect(computed).toBe(0);
  box.open(hexLiteral(ping.envelope));
  box.open(hexLiteral(callMeMaybe.envelope));
  box.seal(new Uint8Array(2));
  expect(computed).toBe(1);
});

test('an envelope of somebody else is refused before any cryptography', () => {
  const crypto: Crypto = {
    ...nobleCrypto,
    boxShared: () => {
      throw new Error('no cryptography for strangers');
    },
  };
  expect(boxOf('a', counting(0), crypto).open(hexLiteral(ping.envelope))).toBe(
    fail('other-sender'),
  );
});

test('a key of low order neither seals nor opens', () => {
  const weak = new DiscoBox({
    crypto: nobleCrypto,
    random: counting(0),
    ownKey: keyA,
    ownPrivateKey: privateA,
    peerKey: zeroKey('disco'),
  });
  expect(weak.seal(new Uint8Array(2))).toBe(fail('weak-key'));
  const envelope = hexLiteral(ping.envelope);
  envelope.fill(0, 6, 38);
  expect(weak.open(envelope)).toBe(fail('weak-key'));
});

test('truncated and flipped envelopes give a reason', () => {
  const box = boxOf('b');
  const bytes = hexLiteral(ping.envelope);
  for (const cut of truncations(bytes)) {
    expect(box.open(cut)).toBe(fail(cut.length < ENVELOPE_BYTES ? 'too-short' : 'forged'));
  }
  for (const [bit, flipped] of [...bitFlips(bytes)].entries()) {
    const reason = bit < 8 * 6 ? 'bad-magic' : bit < 8 * 38 ? 'other-sender' : 'forged';
    expect(box.open(flipped)).toBe(fail(reason));
  }
});

test('random bytes behind a valid magic and key give a reason', () => {
  const start = hexLiteral(ping.envelope).subarray(0, 38);
  const box = boxOf('b');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      expect(box.open(concatBytes(start, noise))).toBeInstanceOf(DecodeFailure);
      expect(box.open(noise)).toBeInstanceOf(DecodeFailure);
    }),
  );
});
