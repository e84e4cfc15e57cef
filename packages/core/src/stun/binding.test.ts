import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { bitFlips, mutations, truncations } from '../base/mutations.js';
import { BINDING_REQUEST_BYTES, decodeBindingResponse, encodeBindingRequest } from './binding.js';
import { request, responses, rfc5769, transactionId } from './vectors.js';

/** A success response with `attributes` in hex and a right length. */
function response(attributes: string): Uint8Array {
  const body = hexLiteral(attributes);
  const length = body.length.toString(16).padStart(4, '0');
  return concatBytes(hexLiteral(`0101${length}2112a442${transactionId}`), body);
}

const xorV4 = '002000080001f523ea12d54b';
const otherXorV4 = '002000080001f523ea12d54c';
const plainV4 = '000100080001d431cb007109';
const otherPlainV4 = '000100080001d431c0a80105';

test('the request is that of official nodes, byte for byte', () => {
  const bytes = encodeBindingRequest(hexLiteral(transactionId));
  expect(encodeHex(bytes)).toBe(request);
  expect(bytes).toHaveLength(BINDING_REQUEST_BYTES);
  expect(BINDING_REQUEST_BYTES).toBe(40);
});

test('every form of the answer gives the address that the server saw', () => {
  for (const { bytes, mapped } of Object.values(responses)) {
    expect(decodeBindingResponse(hexLiteral(bytes))).toEqual({
      transactionId: hexLiteral(transactionId),
      mapped,
    });
  }
  for (const { bytes, mapped } of [rfc5769.v4, rfc5769.v6]) {
    expect(decodeBindingResponse(hexLiteral(bytes))).toEqual({
      transactionId: hexLiteral(rfc5769.transactionId),
      mapped,
    });
  }
});

test('bytes after the message are ignored', () => {
  const bytes = concatBytes(hexLiteral(responses.v4.bytes), hexLiteral('deadbeef00'));
  expect(decodeBindingResponse(bytes)).toMatchObject({ mapped: responses.v4.mapped });
});

test('only a success response is an answer', () => {
  const ofType = (type: string) =>
    decodeBindingResponse(hexLiteral(type + responses.v4.bytes.slice(4)));
  expect(decodeBindingResponse(hexLiteral(request))).toBe(fail('stray-request'));
  expect(ofType('0111')).toBe(fail('error-response'));
  expect(ofType('0011')).toBe(fail('bad-type'));
  expect(ofType('4101')).toBe(fail('bad-type'));
  expect(ofType('0103')).toBe(fail('bad-type'));
});

test('the XOR form wins over the plain one, which NATs rewrite', () => {
  for (const attributes of [xorV4 + otherPlainV4, otherPlainV4 + xorV4]) {
    expect(decodeBindingResponse(response(attributes))).toMatchObject({
      mapped: responses.v4.mapped,
    });
  }
  expect(decodeBindingResponse(response(`000100040009d431${xorV4}`))).toMatchObject({
    mapped: responses.v4.mapped,
  });
});

test('several addresses of one form must agree', () => {
  expect(decodeBindingResponse(response(xorV4 + xorV4))).toMatchObject({
    mapped: responses.v4.mapped,
  });
  const contradictions = [
    xorV4 + otherXorV4,
    otherXorV4 + xorV4,
    `${xorV4}8020${otherXorV4.slice(4)}`,
    plainV4 + otherPlainV4,
    otherPlainV4 + plainV4 + plainV4,
  ];
  for (const attributes of contradictions) {
    expect(decodeBindingResponse(response(attributes))).toBe(fail('contradicting-addresses'));
  }
});

test('an unreadable XOR address spoils the answer, even beside a good one', () => {
  expect(decodeBindingResponse(response('002000080003f523ea12d54b'))).toBe(
    fail('bad-address-family'),
  );
  expect(decodeBindingResponse(response('002000040001f523'))).toBe(fail('bad-address'));
  expect(decodeBindingResponse(response(`${plainV4}002000040001f523`))).toBe(fail('bad-address'));
  expect(decodeBindingResponse(response('000100040001d431'))).toBe(fail('bad-address'));
});

test('an answer without an address, and one whose attributes do not fit, are refused', () => {
  expect(decodeBindingResponse(response(''))).toBe(fail('no-address'));
  expect(decodeBindingResponse(response('802200087461696c6e6f6465'))).toBe(fail('no-address'));
  expect(decodeBindingResponse(response(`${xorV4}80220009aabbccdd`))).toBe(fail('bad-attribute'));
});

test('addresses that no packet of ours can have out there are refused', () => {
  const plain = (address: string, port = 'd431') =>
    decodeBindingResponse(response(`000100080001${port}${address}`));
  expect(plain('cb007109')).toMatchObject({ mapped: '203.0.113.9:54321' });
  expect(plain('cb007109', '0000')).toBe(fail('port-zero'));
  expect(plain('00000000')).toBe(fail('absurd-address'));
  expect(plain('e0000001')).toBe(fail('absurd-address'));
  expect(plain('ffffffff')).toBe(fail('absurd-address'));
  expect(plain('7f000001')).toBe(fail('loopback-address'));
  const v6 = (address: string) => decodeBindingResponse(response(`000100140002d431${address}`));
  expect(v6('00'.repeat(16))).toBe(fail('absurd-address'));
  expect(v6(`ff02${'00'.repeat(13)}01`)).toBe(fail('absurd-address'));
  expect(v6(`${'00'.repeat(15)}01`)).toBe(fail('loopback-address'));
});

test('a server on this machine may be believed when asked for', () => {
  const bytes = response('000100080001d4317f000001');
  expect(decodeBindingResponse(bytes, { allowLoopback: true })).toMatchObject({
    mapped: '127.0.0.1:54321',
  });
});

test('truncated answers give a reason', () => {
  for (const { bytes } of Object.values(responses)) {
    for (const cut of truncations(hexLiteral(bytes))) {
      expect(decodeBindingResponse(cut)).toBeInstanceOf(DecodeFailure);
    }
  }
});

test('damaged answers never throw, and a flip in type, length or cookie never yields one', () => {
  for (const { bytes } of [...Object.values(responses), rfc5769.v4, rfc5769.v6]) {
    for (const damaged of mutations(hexLiteral(bytes))) decodeBindingResponse(damaged);
    for (const [bit, damaged] of [...bitFlips(hexLiteral(bytes))].entries()) {
      if (bit < 16 || (bit >= 32 && bit < 64)) {
        expect(decodeBindingResponse(damaged)).toBeInstanceOf(DecodeFailure);
      }
    }
  }
});

test('random attributes behind a right header give a value or a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
      const whole = body.subarray(0, body.length & ~3);
      const result = decodeBindingResponse(response(encodeHex(whole)));
      if (!(result instanceof DecodeFailure)) expect(result.mapped).toMatch(/:\d+$/);
      expect(decodeBindingResponse(body)).toBeInstanceOf(DecodeFailure);
    }),
  );
});
