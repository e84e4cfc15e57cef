import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hexLiteral } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { mutations, truncations } from '../base/mutations.js';
import { classifyDatagram } from '../disco/classify.js';
import type { Endpoint } from '../ip/address.js';
import { encodeBindingRequest } from './binding.js';
import {
  BINDING_INDICATION_BYTES,
  decodeBindingIndication,
  encodeBindingIndication,
  isBindingIndication,
} from './indication.js';
import { answerBindingRequest } from './server.js';

const token = hexLiteral('000102030405060708090a0b');
/** Computed for Warren's protocol notes: RFC 8489's layout, CRC-32 by another implementation. */
const vector = hexLiteral('001100082112a442000102030405060708090a0b80280004484dcdf6');

test('is written and read as in its vector', () => {
  expect(encodeBindingIndication(token)).toEqual(vector);
  expect(vector).toHaveLength(BINDING_INDICATION_BYTES);
  expect(decodeBindingIndication(vector)).toEqual(token);
  expect(isBindingIndication(vector)).toBe(true);
});

test('comes through the classifier as STUN, and nobody answers it', () => {
  expect(classifyDatagram(vector, 0, vector.length)).toBe('stun');
  const reply = answerBindingRequest(vector, '192.0.2.1:5' as Endpoint);
  expect(isFailure(reply) && reply.reason).toBe('not-a-binding-request');
});

test('cut, changed or another message: no token', () => {
  for (const cut of truncations(vector)) expect(isFailure(decodeBindingIndication(cut))).toBe(true);
  for (const changed of mutations(vector)) {
    expect(isFailure(decodeBindingIndication(changed))).toBe(true);
  }
  expect(isBindingIndication(encodeBindingRequest(token))).toBe(false);
  expect(isFailure(decodeBindingIndication(encodeBindingRequest(token)))).toBe(true);
  const bare = hexLiteral('001100002112a442000102030405060708090a0b');
  expect(decodeBindingIndication(bare)).toMatchObject({ reason: 'no-fingerprint' });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(isFailure(decodeBindingIndication(bytes))).toBe(true);
    }),
  );
});
