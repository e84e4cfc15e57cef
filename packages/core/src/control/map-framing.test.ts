import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, decodeHex, encodeHex } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { decodeUtf8, encodeUtf8 } from '../base/text.js';
import { MINIMAL_MAP_JSON } from '../netmap/vectors.js';
import { encodeMapFrame, KEEP_ALIVE_JSON, MapFrameDecoder } from './map-framing.js';
import {
  DELTA_FRAME_STORED_ZSTD,
  DELTA_JSON,
  KEEP_ALIVE_FRAME,
  KEEP_ALIVE_FRAME_STORED_ZSTD,
  MINIMAL_MAP_FRAME_SHA256,
  MINIMAL_MAP_FRAME_STORED_ZSTD_SHA256,
} from './vectors.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bodies as text; `cuts` says how the stream is cut. */
function decodeAll(stream: Uint8Array, cuts: readonly number[] = []): string[] {
  const decoder = new MapFrameDecoder();
  const texts: string[] = [];
  let at = 0;
  for (const cut of [...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b)]) {
    texts.push(...bodiesOf(decoder, stream.subarray(at, cut)));
    at = Math.max(at, cut);
  }
  texts.push(...bodiesOf(decoder, stream.subarray(at)));
  return texts;
}

function bodiesOf(decoder: MapFrameDecoder, bytes: Uint8Array): string[] {
  const bodies = decoder.push(bytes);
  if (isFailure(bodies)) throw new Error(bodies.reason);
  return bodies.map((body) => decodeUtf8(body) ?? 'not UTF-8');
}

test('frames are byte for byte those of the notes', () => {
  expect(encodeHex(encodeMapFrame(KEEP_ALIVE_JSON, ''))).toBe(KEEP_ALIVE_FRAME);
  expect(encodeHex(encodeMapFrame(KEEP_ALIVE_JSON, 'zstd'))).toBe(KEEP_ALIVE_FRAME_STORED_ZSTD);
  expect(encodeHex(encodeMapFrame(DELTA_JSON, 'zstd'))).toBe(DELTA_FRAME_STORED_ZSTD);
  const plain = encodeMapFrame(MINIMAL_MAP_JSON, '');
  expect([plain.length, sha256(plain)]).toEqual([943, MINIMAL_MAP_FRAME_SHA256]);
  const stored = encodeMapFrame(MINIMAL_MAP_JSON, 'zstd');
  expect([stored.length, sha256(stored)]).toEqual([953, MINIMAL_MAP_FRAME_STORED_ZSTD_SHA256]);
});

test('frames come out whole however the stream is cut', () => {
  const anyTexts = fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(anyTexts, fc.array(fc.nat(), { maxLength: 12 }), (texts, cuts) => {
      const stream = concatBytes(...texts.map((text) => encodeMapFrame(text, '')));
      const decoded = decodeAll(stream, cuts);
      expect(decoded.map((text) => text.trimEnd())).toEqual(texts.map((text) => text.trimEnd()));
    }),
  );
});

test('a frame cut at any byte stays incomplete until the rest comes', () => {
  const stream = encodeMapFrame(DELTA_JSON, '');
  for (let cut = 0; cut < stream.length; cut++) {
    const decoder = new MapFrameDecoder();
    expect(bodiesOf(decoder, stream.subarray(0, cut))).toEqual([]);
    expect(bodiesOf(decoder, stream.subarray(cut))).toEqual([DELTA_JSON]);
  }
});

test('an empty frame and one beyond the limit end the stream before memory is spent', () => {
  const empty = new MapFrameDecoder().push(Uint8Array.of(0, 0, 0, 0));
  expect(empty).toMatchObject({ reason: 'frame-empty' });
  const huge = new MapFrameDecoder().push(Uint8Array.of(255, 255, 255, 255));
  expect(huge).toMatchObject({ reason: 'frame-over-limit' });
  expect(new MapFrameDecoder(8).push(Uint8Array.of(9, 0, 0, 0))).toMatchObject({
    reason: 'frame-over-limit',
  });
});

test('no other message has the length of a keep-alive', () => {
  const lookalike = '{"Domain":"abcde"}';
  expect(lookalike).toHaveLength(KEEP_ALIVE_JSON.length);
  expect(encodeMapFrame(lookalike, '')).toHaveLength(4 + KEEP_ALIVE_JSON.length + 1);
  const wide = '{"Domain":"abcdé"'; // 17 characters, 18 bytes
  expect(encodeUtf8(wide)).toHaveLength(KEEP_ALIVE_JSON.length);
  expect(encodeMapFrame(wide, '')).toHaveLength(4 + KEEP_ALIVE_JSON.length + 1);
  expect(encodeMapFrame(lookalike, 'zstd')).not.toHaveLength(
    encodeMapFrame(KEEP_ALIVE_JSON, 'zstd').length,
  );
});

test('stored frames of all header sizes carry their bytes unchanged', () => {
  // Heads written by hand from RFC 8878: frame header, then block heads of 3 bytes.
  const cases: [number, string, number[]][] = [
    [255, '28b52ffd20ff', [255]],
    [256, '28b52ffd600000', [256]],
    [65_792, '28b52ffda000010100', [65_792]],
    [131_073, '28b52ffda001000200', [131_072, 1]],
  ];
  for (const [length, head, blocks] of cases) {
    const body = encodeMapFrame('b'.repeat(length), 'zstd').subarray(4);
    const header = decodeHex(head) ?? new Uint8Array();
    expect(encodeHex(body.subarray(0, header.length))).toBe(head);
    let at = header.length;
    for (const [index, size] of blocks.entries()) {
      const block = (body[at] ?? 0) | ((body[at + 1] ?? 0) << 8) | ((body[at + 2] ?? 0) << 16);
      expect(block).toBe((size << 3) | (index === blocks.length - 1 ? 1 : 0));
      expect(body.subarray(at + 3, at + 3 + size).every((byte) => byte === 0x62)).toBe(true);
      at += 3 + size;
    }
    expect(at).toBe(body.length);
  }
});
