import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { bitFlips, extensions, mutations, truncations } from '../base/mutations.js';
import { addressFromBytes, type Endpoint, endpoint, parseEndpoint } from '../ip/address.js';
import { decodeBindingResponse, encodeBindingRequest } from './binding.js';
import { fingerprintOf, writeU16, writeU32 } from './message.js';
import { answerBindingRequest, MAX_REPLY_BYTES } from './server.js';
import { request, responses, rfc5769, transactionId } from './vectors.js';

const source = '203.0.113.9:54321' as Endpoint;

/** A Binding request with `attributes` in hex and a right length. */
function binding(attributes: string, options: { fingerprint?: boolean } = {}): Uint8Array {
  const tail = options.fingerprint === true ? '8028000400000000' : '';
  const bytes = hexLiteral(`000100002112a442${transactionId}${attributes}${tail}`);
  writeU16(bytes, 2, bytes.length - 20);
  if (tail !== '') writeU32(bytes, bytes.length - 4, fingerprintOf(bytes, bytes.length - 8));
  return bytes;
}

function reply(bytes: Uint8Array, from = source): string {
  const result = answerBindingRequest(bytes, from);
  if (result instanceof DecodeFailure) throw new Error(result.reason);
  return encodeHex(result);
}

test('the request of official nodes gets the replies of the vectors', () => {
  expect(reply(hexLiteral(request))).toBe(responses.v4.bytes);
  expect(reply(hexLiteral(request), '[2001:db8::9]:41641' as Endpoint)).toBe(responses.v6.bytes);
});

test('a mapped source is answered as IPv4', () => {
  const mapped = parseEndpoint('[::ffff:203.0.113.9]:54321');
  expect(reply(hexLiteral(request), mapped)).toBe(responses.v4.bytes);
});

test('whoever asked is told its endpoint', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }).filter(([first = 0]) => first > 0 && first < 224),
    fc.uint8Array({ minLength: 15, maxLength: 15 }).map((low) => Uint8Array.from([0x20, ...low])),
  );
  const id = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: 65535 }), id, (bytes, port, anyId) => {
      const from = endpoint(addressFromBytes(bytes), port);
      const answer = answerBindingRequest(encodeBindingRequest(anyId), from);
      if (answer instanceof DecodeFailure) throw new Error(answer.reason);
      expect(decodeBindingResponse(answer, { allowLoopback: true })).toEqual({
        transactionId: anyId,
        mapped: from,
      });
    }),
  );
});

test('requests of other clients are answered: bare, with any SOFTWARE, with credentials', () => {
  const served = [
    binding(''),
    binding('', { fingerprint: true }),
    binding('802200087461696c6e6f6478', { fingerprint: true }),
    binding('8022000361626300'),
    binding(`000600047573657200080014${'00'.repeat(20)}`, { fingerprint: true }),
    binding('80290008932ff9b151263b36'),
  ];
  for (const bytes of served) expect(reply(bytes)).toBe(responses.v4.bytes);
});

test('an unknown comprehension-required attribute draws a 420 that names it', () => {
  const header = `2112a442${transactionId}`;
  // CHANGE-REQUEST of RFC 5780, then PRIORITY, twice
  expect(reply(binding('0003000400000006'))).toBe(
    `01110010${header}0009000400000414000a000200030000`,
  );
  expect(reply(binding('0003000400000006002400046e0001ff0003000400000000'))).toBe(
    `01110010${header}0009000400000414000a000400030024`,
  );
  expect(reply(hexLiteral(rfc5769.request))).toBe(
    `011100102112a442${rfc5769.transactionId}0009000400000414000a000200240000`,
  );
});

test('unknown attributes behind MESSAGE-INTEGRITY are ignored', () => {
  const integrity = `00080014${'00'.repeat(20)}`;
  expect(reply(binding(`${integrity}0003000400000006`))).toBe(responses.v4.bytes);
});

test('a 420 names a bounded number of attributes', () => {
  const many = Array.from({ length: 300 }, (_, i) => `${(0x1000 + i).toString(16)}0000`).join('');
  const answer = hexLiteral(reply(binding(many)));
  expect(answer).toHaveLength(20 + 8 + 32);
  expect(encodeHex(answer.subarray(32, 36))).toBe('10001001');
});

test('a fingerprint must be last and right when there is one', () => {
  const valid = hexLiteral(request);
  const wrong = valid.slice();
  wrong[39] = (wrong[39] ?? 0) ^ 1;
  expect(answerBindingRequest(wrong, source)).toBe(fail('bad-fingerprint'));

  const early = binding('80280004000000008022000461626364');
  writeU32(early, 24, fingerprintOf(early, 20));
  expect(answerBindingRequest(early, source)).toBe(fail('fingerprint-not-last'));
  expect(answerBindingRequest(binding('80280002aabb0000'), source)).toBe(fail('bad-fingerprint'));
});

test('what is no Binding request is dropped', () => {
  const drop = (hex: string) => answerBindingRequest(hexLiteral(hex), source);
  expect(drop(responses.v4.bytes)).toBe(fail('not-a-binding-request'));
  expect(drop(`00110000${request.slice(8, 40)}`)).toBe(fail('not-a-binding-request'));
  expect(drop(`00030000${request.slice(8, 40)}`)).toBe(fail('not-a-binding-request'));
  expect(drop(`000100002112a443${transactionId}`)).toBe(fail('bad-cookie'));
  expect(answerBindingRequest(concatBytes(binding(''), new Uint8Array(4)), source)).toBe(
    fail('bad-length'),
  );
});

test('one scratch serves every reply', () => {
  const scratch = new Uint8Array(MAX_REPLY_BYTES).fill(0xaa);
  for (const bytes of [binding('0003000400000006'), hexLiteral(request)]) {
    const answer = answerBindingRequest(bytes, source, scratch);
    if (answer instanceof DecodeFailure) throw new Error(answer.reason);
    expect(answer.buffer).toBe(scratch.buffer);
    expect(encodeHex(answer)).toBe(reply(bytes));
  }
  expect(() => answerBindingRequest(binding(''), source, new Uint8Array(20))).toThrow(BugError);
});

test('truncated and extended requests of official nodes draw no reply', () => {
  const valid = hexLiteral(request);
  for (const bytes of [...truncations(valid), ...extensions(valid)]) {
    expect(answerBindingRequest(bytes, source)).toBeInstanceOf(DecodeFailure);
  }
});

test('a flipped bit of a request with a fingerprint draws no success, unless it hides that attribute', () => {
  for (const [bit, bytes] of [...bitFlips(hexLiteral(request))].entries()) {
    const answer = answerBindingRequest(bytes, source);
    const hidesFingerprint = bit >= 8 * 32 && bit < 8 * 34;
    if (!hidesFingerprint) expect(answer).toBeInstanceOf(DecodeFailure);
  }
});

test('whatever comes in, the reply is hardly larger', () => {
  const from = '[2001:db8::9]:41641' as Endpoint;
  const check = (bytes: Uint8Array) => {
    const answer = answerBindingRequest(bytes, from);
    if (answer instanceof DecodeFailure) return;
    expect(answer.length).toBeLessThanOrEqual(bytes.length + 24);
    expect(answer.length).toBeLessThanOrEqual(MAX_REPLY_BYTES);
  };
  for (const bytes of mutations(hexLiteral(rfc5769.request))) check(bytes);
  const attribute = fc.record({
    type: fc.integer({ min: 0, max: 0xffff }),
    value: fc.uint8Array({ maxLength: 9 }),
  });
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 20 }), fc.uint8Array(), (list, noise) => {
      const attributes = list.map(({ type, value }) => {
        const bytes = new Uint8Array(4 + ((value.length + 3) & ~3));
        writeU16(bytes, 0, type);
        writeU16(bytes, 2, value.length);
        bytes.set(value, 4);
        return encodeHex(bytes);
      });
      check(binding(attributes.join('')));
      check(noise);
    }),
  );
});
