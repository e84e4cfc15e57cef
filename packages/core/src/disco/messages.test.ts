import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { mutations, truncations } from '../base/mutations.js';
import { addressFromBytes, type Endpoint, endpoint } from '../ip/address.js';
import { type NodeKey, publicKeyFromBytes } from '../keys/keys.js';
import {
  decodeDiscoMessage,
  encodeCallMeMaybe,
  encodePing,
  encodePong,
  MAX_CALL_ME_MAYBE_ENDPOINTS,
  relayPongSource,
} from './messages.js';
import * as vectors from './vectors.js';

const transactionId = hexLiteral(vectors.transactionId);
const nodeKey = vectors.keys.nodeA as NodeKey;

const anyId = fc.uint8Array({ minLength: 12, maxLength: 12 });
const anyEndpoint = fc
  .tuple(
    fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ),
    fc.integer({ min: 0, max: 65535 }),
  )
  .map(([bytes, port]) => endpoint(addressFromBytes(bytes), port));

test('ping is that of the vectors, with and without padding', () => {
  expect(encodeHex(encodePing(transactionId, nodeKey))).toBe(vectors.ping.inner);
  for (const [{ inner }, paddingBytes] of [
    [vectors.ping, 0],
    [vectors.paddedPing, 16],
  ] as const) {
    expect(decodeDiscoMessage(hexLiteral(inner))).toEqual({
      type: 'ping',
      transactionId,
      nodeKey,
      paddingBytes,
      extension: {},
    });
  }
});

test('pong is that of the vectors, for both families', () => {
  for (const { inner, source } of [vectors.pongV4, vectors.pongV6]) {
    expect(encodeHex(encodePong(transactionId, source as Endpoint))).toBe(inner);
    expect(decodeDiscoMessage(hexLiteral(inner))).toEqual({ type: 'pong', transactionId, source });
  }
});

test('callMeMaybe is that of the vectors', () => {
  const { endpoints, inner } = vectors.callMeMaybe;
  expect(encodeHex(encodeCallMeMaybe(endpoints as readonly string[] as Endpoint[]))).toBe(inner);
  expect(decodeDiscoMessage(hexLiteral(inner))).toEqual({
    type: 'call-me-maybe',
    endpoints,
    dropped: 0,
  });
});

test('every message survives a round trip', () => {
  const anyKey = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => publicKeyFromBytes('node', bytes));
  fc.assert(
    fc.property(anyId, anyKey, fc.nat(1500), (id, key, paddingBytes) => {
      const padded = concatBytes(encodePing(id, key), new Uint8Array(paddingBytes));
      expect(decodeDiscoMessage(padded)).toEqual({
        type: 'ping',
        transactionId: id,
        nodeKey: key,
        paddingBytes,
        extension: {},
      });
    }),
  );
  fc.assert(
    fc.property(anyId, anyEndpoint, (id, source) => {
      const pong = { type: 'pong', transactionId: id, source };
      expect(decodeDiscoMessage(encodePong(id, source))).toEqual(pong);
    }),
  );
  fc.assert(
    fc.property(fc.array(anyEndpoint, { maxLength: MAX_CALL_ME_MAYBE_ENDPOINTS }), (endpoints) => {
      const message = { type: 'call-me-maybe', endpoints, dropped: 0 };
      expect(decodeDiscoMessage(encodeCallMeMaybe(endpoints))).toEqual(message);
    }),
  );
});

test('a ping of a very old sender has no node key', () => {
  const old = hexLiteral(vectors.ping.inner).subarray(0, 14);
  expect(decodeDiscoMessage(old)).toEqual({
    type: 'ping',
    transactionId,
    nodeKey: undefined,
    paddingBytes: 0,
    extension: {},
  });
  const padded = concatBytes(old, new Uint8Array(31));
  expect(decodeDiscoMessage(padded)).toMatchObject({ nodeKey: undefined, paddingBytes: 31 });
});

test('bytes behind a pong are ignored', () => {
  const longer = concatBytes(hexLiteral(vectors.pongV4.inner), new Uint8Array(40));
  expect(decodeDiscoMessage(longer)).toMatchObject({ source: vectors.pongV4.source });
});

test('types and versions of a later day are told from broken messages', () => {
  const { inner } = vectors.ping;
  for (const type of ['00', '04', '09', 'ff']) {
    expect(decodeDiscoMessage(hexLiteral(type + inner.slice(2)))).toBe(fail('unknown-type'));
  }
  for (const message of [vectors.ping, vectors.pongV4, vectors.callMeMaybe]) {
    const later = hexLiteral(message.inner);
    later[1] = 1;
    expect(decodeDiscoMessage(later)).toBe(fail('unknown-version'));
  }
});

test('a callMeMaybe without addresses, or with a ragged list, withdraws all', () => {
  const empty = { type: 'call-me-maybe', endpoints: [], dropped: 0 };
  expect(decodeDiscoMessage(encodeCallMeMaybe([]))).toEqual(empty);
  for (const cut of truncations(hexLiteral(vectors.callMeMaybe.inner))) {
    if (cut.length < 2 || (cut.length - 2) % 18 === 0) continue;
    expect(decodeDiscoMessage(cut)).toEqual(empty);
  }
});

test('a callMeMaybe beyond the limit is cut and the rest counted', () => {
  const address = vectors.pongV4.inner.slice(2 * 14);
  const many = decodeDiscoMessage(hexLiteral(`0300${address.repeat(3600)}`));
  expect(many).toMatchObject({ dropped: 3600 - MAX_CALL_ME_MAYBE_ENDPOINTS });
  expect(many).toHaveProperty('endpoints.length', MAX_CALL_ME_MAYBE_ENDPOINTS);

  const own = Array.from({ length: 40 }, (_, i) => `192.0.2.1:${i + 1}` as Endpoint);
  expect(decodeDiscoMessage(encodeCallMeMaybe(own))).toEqual({
    type: 'call-me-maybe',
    endpoints: own.slice(0, MAX_CALL_ME_MAYBE_ENDPOINTS),
    dropped: 0,
  });
  // Who is to guess gets more: a stock client pings all that it is told.
  const guesses = Array.from({ length: 70 }, (_, i) => `192.0.2.1:${i + 1}` as Endpoint);
  expect(encodeCallMeMaybe(guesses, 64)).toHaveLength(2 + 64 * 18);
});

test('a pong over a relay reports the placeholder', () => {
  expect(relayPongSource(900)).toBe('127.3.3.40:900');
  const inner = encodePong(transactionId, relayPongSource(900));
  expect(decodeDiscoMessage(inner)).toMatchObject({ source: '127.3.3.40:900' });
});

test('short bodies of ping and pong are refused', () => {
  for (const cut of truncations(hexLiteral(vectors.ping.inner).subarray(0, 14))) {
    expect(decodeDiscoMessage(cut)).toBe(fail('too-short'));
  }
  for (const cut of truncations(hexLiteral(vectors.pongV4.inner))) {
    expect(decodeDiscoMessage(cut)).toBe(fail('too-short'));
  }
});

test('damaged and random messages give a value or a reason', () => {
  const check = (bytes: Uint8Array) => {
    const result = decodeDiscoMessage(bytes);
    if (result instanceof DecodeFailure) return;
    expect(['ping', 'pong', 'call-me-maybe']).toContain(result.type);
  };
  for (const { inner } of [vectors.ping, vectors.pongV4, vectors.pongV6, vectors.callMeMaybe]) {
    for (const bytes of mutations(hexLiteral(inner))) check(bytes);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 120 }), (type, body) => {
      check(body);
      check(concatBytes(new Uint8Array([type, 0]), body));
    }),
  );
});
