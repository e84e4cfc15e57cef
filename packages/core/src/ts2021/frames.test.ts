import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { bitFlips, extensions, mutations, truncations } from '../base/mutations.js';
import { encodeBase64, encodeUtf8 } from '../base/text.js';
import {
  answerFrameLength,
  decodeInitiation,
  decodeResponse,
  encodeErrorFrame,
  encodeInitiation,
  encodeResponse,
  HandshakeRefused,
  INITIATION_BYTES,
  MAX_BODY_BYTES,
  RESPONSE_BYTES,
} from './frames.js';
import { errorFrame, initiation, initiationHeader, keys, response, version } from './vectors.js';

const anyBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('the initiation of the vectors is cut into its parts and put together again', () => {
  const bytes = hexLiteral(initiation);
  const frame = decodeInitiation(bytes);
  if (frame instanceof DecodeFailure) throw new Error(frame.reason);
  expect(frame.version).toBe(version);
  expect(encodeHex(frame.ephemeral)).toBe(keys.clientEphemeralPublic);
  expect(encodeInitiation(frame)).toEqual(bytes);
  expect(encodeBase64(bytes)).toBe(initiationHeader);
});

test('initiation and response survive a round trip', () => {
  const initiations = fc.record({
    version: fc.integer({ min: 0, max: 0xffff }),
    ephemeral: anyBytes(32),
    sealedStatic: anyBytes(48),
    tag: anyBytes(16),
  });
  fc.assert(
    fc.property(initiations, (frame) => {
      expect(decodeInitiation(encodeInitiation(frame))).toEqual(frame);
    }),
  );
  fc.assert(
    fc.property(fc.record({ ephemeral: anyBytes(32), tag: anyBytes(16) }), (frame) => {
      expect(decodeResponse(encodeResponse(frame))).toEqual(frame);
    }),
  );
});

test('an initiation of any other length, type or body length is refused', () => {
  const valid = hexLiteral(initiation);
  for (const bytes of [...truncations(valid), ...extensions(valid)]) {
    expect(decodeInitiation(bytes)).toBe(fail('initiation-bad-length'));
  }
  const withByte = (at: number, value: number) => {
    const bytes = valid.slice();
    bytes[at] = value;
    return decodeInitiation(bytes);
  };
  expect(withByte(2, 2)).toBe(fail('initiation-bad-type'));
  expect(withByte(3, 1)).toBe(fail('initiation-bad-body-length'));
  expect(withByte(4, 95)).toBe(fail('initiation-bad-body-length'));
});

test('a response of any other length, type or body length is refused', () => {
  const valid = hexLiteral(response);
  for (const bytes of [...truncations(valid), ...extensions(valid)]) {
    expect(decodeResponse(bytes)).toBe(fail('response-bad-length'));
  }
  for (const bytes of [...bitFlips(valid)].slice(0, 8)) {
    const failure = decodeResponse(bytes);
    expect(failure).toBeInstanceOf(DecodeFailure);
  }
  expect(decodeResponse(hexLiteral(`02002f${'00'.repeat(47)}`))).toBe(
    fail('response-bad-body-length'),
  );
  expect(decodeResponse(hexLiteral(`040030${'00'.repeat(48)}`))).toBe(fail('response-bad-type'));
});

test('an error frame surfaces its text', () => {
  expect(encodeHex(encodeErrorFrame(errorFrame.text))).toBe(errorFrame.frame);
  const refused = decodeResponse(hexLiteral(errorFrame.frame));
  expect(refused).toBeInstanceOf(HandshakeRefused);
  expect(refused).toMatchObject({ reason: 'refused-by-server', text: errorFrame.text });
  expect(decodeResponse(encodeErrorFrame(''))).toMatchObject({ text: '' });
});

test('an error text cannot drive a terminal', () => {
  expect(decodeResponse(encodeErrorFrame('a\u001b[2Jb\u202ec\n'))).toMatchObject({
    text: 'a\ufffd[2Jb\ufffdc\ufffd',
  });
  expect(decodeResponse(hexLiteral('030002c328'))).toMatchObject({ text: 'text is not UTF-8' });
});

test('an error frame is at most one frame long', () => {
  const longest = 'x'.repeat(MAX_BODY_BYTES);
  expect(decodeResponse(encodeErrorFrame(longest))).toMatchObject({ text: longest });
  expect(() => encodeErrorFrame(`${longest}x`)).toThrow(BugError);
  const tooLong = new Uint8Array(3 + MAX_BODY_BYTES + 1).fill(0x78);
  tooLong.set([3, (MAX_BODY_BYTES + 1) >> 8, (MAX_BODY_BYTES + 1) & 255]);
  expect(decodeResponse(tooLong)).toBe(fail('error-too-long'));
});

test('the length of the answer is known from its header, a wrong type from its first byte', () => {
  expect(answerFrameLength(new Uint8Array())).toBeUndefined();
  expect(answerFrameLength(hexLiteral('0200'))).toBeUndefined();
  expect(answerFrameLength(hexLiteral('020030'))).toBe(RESPONSE_BYTES);
  expect(answerFrameLength(hexLiteral('03000b'))).toBe(14);
  expect(answerFrameLength(encodeUtf8('H'))).toBe(fail('response-bad-type'));
});

test('damaged frames give a value or a reason, random bytes a reason, nothing throws', () => {
  for (const bytes of mutations(hexLiteral(initiation))) decodeInitiation(bytes);
  for (const bytes of mutations(hexLiteral(response))) decodeResponse(bytes);
  for (const bytes of mutations(hexLiteral(errorFrame.frame))) decodeResponse(bytes);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const wellFormed = bytes.length === INITIATION_BYTES && bytes[2] === 1 && bytes[4] === 96;
      if (!wellFormed) expect(decodeInitiation(bytes)).toBeInstanceOf(DecodeFailure);
      decodeResponse(bytes);
    }),
  );
});
