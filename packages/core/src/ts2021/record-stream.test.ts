import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { bitFlips, mutations } from '../base/mutations.js';
import { SeededRandom } from '../base/seeded-random.js';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto } from '../crypto/noble.js';
import { CipherState, LAST_COUNTER } from './cipher-state.js';
import { MAX_FRAME_BYTES, MAX_RECORD_PLAINTEXT_BYTES } from './frames.js';
import { clientRecordStream, NoiseRecordStream, serverRecordStream } from './record-stream.js';
import { clientRecords, earlyPayload, handshake } from './vectors.js';

const transportKeys = {
  clientToServer: hexLiteral(handshake.clientToServer),
  serverToClient: hexLiteral(handshake.serverToClient),
};
const client = () => clientRecordStream(nobleCrypto, transportKeys);
const server = () => serverRecordStream(nobleCrypto, transportKeys);

function opened(result: Uint8Array | DecodeFailure): Uint8Array {
  if (result instanceof DecodeFailure) throw new Error(result.reason);
  return result;
}

/** Frame lengths found by walking the headers. */
function frameLengths(bytes: Uint8Array): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 3 + (((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0));
    lengths.push(length);
    at += length;
  }
  return lengths;
}

test('the client seals the records of the vectors and the server opens them', () => {
  const [from, to] = [client(), server()];
  for (const [plaintext, record] of [
    [clientRecords.preface, clientRecords.record0],
    [clientRecords.settingsAck, clientRecords.record1],
  ] as const) {
    expect(encodeHex(from.seal(hexLiteral(plaintext)))).toBe(record);
    expect(encodeHex(opened(to.open(hexLiteral(record))))).toBe(plaintext);
  }
});

test('the counter is big-endian: record 256 is that of the vectors', () => {
  const from = client();
  for (let i = 0; i < 256; i++) from.seal(new Uint8Array());
  expect(encodeHex(from.seal(encodeUtf8('x')))).toBe(clientRecords.record256);
});

test('empty plaintext makes an empty record, which opens to nothing and is not an end', () => {
  const [from, to] = [client(), server()];
  const empty = from.seal(new Uint8Array());
  expect(encodeHex(empty)).toBe(clientRecords.empty0);
  expect(opened(to.open(empty))).toHaveLength(0);
  expect(opened(to.open(from.seal(encodeUtf8('after'))))).toEqual(encodeUtf8('after'));
});

test('the early payload of the vectors is sealed in three records and in one', () => {
  const whole = concatBytes(
    hexLiteral('ffffff5453'),
    hexLiteral('0000005f'),
    encodeUtf8(earlyPayload.json),
  );
  const three = server();
  const records = [whole.subarray(0, 5), whole.subarray(5, 9), whole.subarray(9)];
  expect(records.map((part) => encodeHex(three.seal(part)))).toEqual(earlyPayload.inThree);

  const one = server();
  expect(encodeHex(one.seal(whole))).toBe(earlyPayload.inOne);
  expect(encodeHex(one.seal(hexLiteral(earlyPayload.emptySettings)))).toBe(
    earlyPayload.settingsAfterOne,
  );
});

test('large writes are split into frames of at most 4096 bytes', () => {
  const max = MAX_RECORD_PLAINTEXT_BYTES;
  const cases: readonly (readonly [number, number[]])[] = [
    [0, [19]],
    [1, [20]],
    [max, [MAX_FRAME_BYTES]],
    [max + 1, [MAX_FRAME_BYTES, 20]],
    [3 * max, [MAX_FRAME_BYTES, MAX_FRAME_BYTES, MAX_FRAME_BYTES]],
  ];
  for (const [length, frames] of cases) {
    const plaintext = new SeededRandom(length).fill(new Uint8Array(length));
    const sealed = client().seal(plaintext);
    expect(frameLengths(sealed)).toEqual(frames);
    expect(opened(server().open(sealed))).toEqual(plaintext);
  }
});

test('plaintext comes back in order from any cut of the stream', () => {
  const writes = fc.array(fc.uint8Array({ maxLength: 6000 }), { maxLength: 4 });
  const cuts = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(writes, cuts, (plaintexts, sizes) => {
      const [from, to] = [client(), server()];
      const stream = concatBytes(...plaintexts.map((plaintext) => from.seal(plaintext)));
      const pieces: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        const reused = stream.slice(at, at + size);
        pieces.push(opened(to.open(reused)));
        reused.fill(0); // the caller may reuse what it passed
        at += size;
      }
      expect(concatBytes(...pieces)).toEqual(concatBytes(...plaintexts));
    }),
    { numRuns: 40 },
  );
});

test('plaintext comes back from a stream cut into single bytes', () => {
  const from = client();
  const to = server();
  const plaintexts = ['', 'one', '', 'two and more', 'x'.repeat(500)].map(encodeUtf8);
  const stream = concatBytes(...plaintexts.map((plaintext) => from.seal(plaintext)));
  const pieces = Array.from(stream, (byte) => opened(to.open(new Uint8Array([byte]))));
  expect(concatBytes(...pieces)).toEqual(concatBytes(...plaintexts));
});

test('frames that cannot be records are refused as early as they show', () => {
  expect(server().open(hexLiteral('03'))).toBe(fail('record-bad-type'));
  expect(server().open(hexLiteral('040ffe'))).toBe(fail('record-too-long'));
  expect(server().open(hexLiteral('04000f'))).toBe(fail('record-too-short'));
  expect(opened(server().open(hexLiteral('040ffd')))).toHaveLength(0);
  const oneByOne = server();
  oneByOne.open(hexLiteral('04'));
  oneByOne.open(hexLiteral('ff'));
  expect(oneByOne.open(hexLiteral('ff'))).toBe(fail('record-too-long'));
});

test('after a failure every call fails for the same reason', () => {
  const to = server();
  expect(to.open(hexLiteral('ff'))).toBe(fail('record-bad-type'));
  expect(to.open(hexLiteral(clientRecords.record0))).toBe(fail('record-bad-type'));
});

test('a flipped bit, a repeated, a left-out and a reflected record are refused', () => {
  for (const bytes of bitFlips(hexLiteral(clientRecords.record0))) {
    const to = server();
    const result = to.open(bytes);
    // A longer length waits for more; everything else is a failure now.
    if (result instanceof DecodeFailure) continue;
    expect(result).toHaveLength(0);
    expect(to.open(new Uint8Array(MAX_FRAME_BYTES))).toBe(fail('record-forged'));
  }
  const record0 = hexLiteral(clientRecords.record0);
  const repeated = server();
  repeated.open(record0);
  expect(repeated.open(record0)).toBe(fail('record-forged'));
  expect(server().open(hexLiteral(clientRecords.record1))).toBe(fail('record-forged'));
  expect(client().open(record0)).toBe(fail('record-forged'));
});

test('damaged and random streams never throw and never yield plaintext that was not sealed', () => {
  const record = hexLiteral(clientRecords.record0);
  const plaintext = hexLiteral(clientRecords.preface);
  for (const bytes of mutations(record)) {
    const result = server().open(bytes);
    if (result instanceof DecodeFailure || result.length === 0) continue;
    expect(result).toEqual(plaintext);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const result = server().open(bytes);
      if (!(result instanceof DecodeFailure)) expect(result).toHaveLength(0);
    }),
  );
});

test('a counter past 32 bits keeps its high half', () => {
  const key = transportKeys.clientToServer;
  const state = new CipherState(nobleCrypto, key, 5 * 2 ** 32 + 7);
  const sealed = new Uint8Array(17);
  state.seal(encodeUtf8('x'), 0, 1, sealed, 0);
  const expected = new Uint8Array(17);
  const nonce = hexLiteral('000000000000000500000007');
  nobleCrypto.seal(key, nonce, new Uint8Array(), encodeUtf8('x'), 0, 1, expected, 0);
  expect(sealed).toEqual(expected);
});

test('a counter never wraps: the last record is followed by a failure', () => {
  const at = (counter: number, key: Uint8Array) => new CipherState(nobleCrypto, key, counter);
  const { clientToServer, serverToClient } = transportKeys;
  const from = new NoiseRecordStream(at(LAST_COUNTER - 1, clientToServer), at(0, serverToClient));
  const to = new NoiseRecordStream(at(0, serverToClient), at(LAST_COUNTER - 1, clientToServer));
  const last = from.seal(encodeUtf8('last'));
  expect(opened(to.open(last))).toEqual(encodeUtf8('last'));
  expect(to.open(last)).toBe(fail('record-counter-exhausted'));
  expect(() => from.seal(encodeUtf8('one more'))).toThrow(BugError);
});
