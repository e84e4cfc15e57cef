import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { mutations, truncations } from '../base/mutations.js';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto } from '../crypto/noble.js';
import { type ChallengeKey, privateKeyFromBytes, publicKeyOf } from '../keys/keys.js';
import {
  EarlyPayloadReader,
  encodeEarlyPayload,
  MAX_EARLY_PAYLOAD_BYTES,
} from './early-payload.js';
import { earlyPayload, keys } from './vectors.js';

const challenge = earlyPayload.challenge as ChallengeKey;
const http2 = hexLiteral(`${earlyPayload.emptySettings}000000040100000000`);

/** A payload with any body. */
function framed(body: Uint8Array, length = body.length): Uint8Array {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, length);
  return concatBytes(hexLiteral('ffffff5453'), size, body);
}

const readAll = (bytes: Uint8Array) => new EarlyPayloadReader().read(bytes);

test('the payload carries the challenge as the vectors have it', () => {
  const privateKey = privateKeyFromBytes('challenge', hexLiteral(keys.challengePrivate));
  expect(publicKeyOf(nobleCrypto, 'challenge', privateKey)).toBe(challenge);
  expect(encodeEarlyPayload(challenge)).toEqual(framed(encodeUtf8(earlyPayload.json)));
});

test('the reader takes the payload out and hands HTTP/2 on, in any cut', () => {
  const stream = concatBytes(encodeEarlyPayload(challenge), http2);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }), (sizes) => {
      const reader = new EarlyPayloadReader();
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const size of [...sizes, stream.length]) {
        const result = reader.read(stream.slice(at, at + size));
        if (result instanceof DecodeFailure) throw new Error(result.reason);
        pieces.push(result);
        at += size;
      }
      expect(concatBytes(...pieces)).toEqual(http2);
      expect(reader.payload).toEqual({ nodeKeyChallenge: challenge });
    }),
  );
});

test('without the magic everything is HTTP/2, even bytes that begin like it', () => {
  for (const start of ['', '00', 'ff', 'ffff', 'ffffff54', 'ffffff5454', 'ffffff55']) {
    const stream = concatBytes(hexLiteral(start), http2);
    const reader = new EarlyPayloadReader();
    const pieces = Array.from(stream, (byte) => reader.read(new Uint8Array([byte])));
    expect(concatBytes(...(pieces as Uint8Array[]))).toEqual(stream);
    expect(reader.payload).toBeUndefined();
  }
});

test('the reader waits for the whole payload', () => {
  for (const bytes of truncations(encodeEarlyPayload(challenge))) {
    expect(readAll(bytes)).toHaveLength(0);
  }
});

test('a payload larger than the limit is refused at its header', () => {
  expect(readAll(framed(new Uint8Array(), MAX_EARLY_PAYLOAD_BYTES + 1))).toBe(
    fail('early-payload-too-long'),
  );
  expect(readAll(framed(new Uint8Array(), MAX_EARLY_PAYLOAD_BYTES))).toHaveLength(0);
  expect(readAll(framed(new Uint8Array(), 0xffffffff))).toBe(fail('early-payload-too-long'));
});

test('a malformed body is refused with its reason, for good', () => {
  const bodies = {
    '': 'early-payload-not-json',
    '{"nodeKeyChallenge"': 'early-payload-not-json',
    '[]': 'early-payload-not-an-object',
    null: 'early-payload-not-an-object',
    '"chalpub:"': 'early-payload-not-an-object',
    '{"nodeKeyChallenge":7}': 'early-payload-bad-key',
    '{"nodeKeyChallenge":"nodekey:00"}': 'early-payload-bad-key',
  };
  for (const [body, reason] of Object.entries(bodies)) {
    const reader = new EarlyPayloadReader();
    expect(reader.read(framed(encodeUtf8(body)))).toBe(fail(reason));
    expect(reader.read(http2)).toBe(fail(reason));
  }
  expect(readAll(framed(hexLiteral('ff')))).toBe(fail('early-payload-not-json'));
});

test('a payload without a challenge, or with fields of a later day, is tolerated', () => {
  for (const body of ['{}', '{"nodeKeyChallenge":null}', '{"later":{"a":[1]}}']) {
    const reader = new EarlyPayloadReader();
    expect(reader.read(concatBytes(framed(encodeUtf8(body)), http2))).toEqual(http2);
    expect(reader.payload).toEqual({ nodeKeyChallenge: undefined });
  }
});

test('damaged and random bytes never throw', () => {
  for (const bytes of mutations(encodeEarlyPayload(challenge))) readAll(bytes);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (body) => {
      expect(readAll(framed(body))).toBeInstanceOf(DecodeFailure);
    }),
  );
});
