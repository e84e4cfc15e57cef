import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure } from '../base/failure.js';
import { mutations } from '../base/mutations.js';
import { addressFromBytes, type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import { decodeBindingResponse, encodeBindingRequest, encodeTokenRequest } from './binding.js';
import { ATTRIBUTE_HEADER_BYTES, HEADER_BYTES, putAttribute, putHeader } from './message.js';
import { answerFromSockets, type ServerSockets } from './server.js';
import { changes, request, responses, rfc5769, transactionId } from './vectors.js';

/** Computed with an independent implementation of CRC-32. */
const tokenRequest =
  `0001002c2112a442${transactionId}802200087461696c6e6f6465` +
  `d7570014${'00'.repeat(20)}80280004d19970bb`;
const token = hexLiteral('0000005a8e781325b05b289be8396fbb');
const source = '203.0.113.9:54321' as Endpoint;
const sourceV6 = '[2001:db8::9]:41641' as Endpoint;
const at = { alternateAddress: false, alternatePort: false };

const asked: IpAddress[] = [];
const relay: ServerSockets = {
  port: 3478,
  alternatePort: 3479,
  addresses: ['192.0.2.1', '2001:db8::1'] as IpAddress[],
  alternateAddresses: ['192.0.2.2'] as IpAddress[],
  tokenFor: (address) => {
    asked.push(address);
    return token;
  },
};
const other: ServerSockets = { ...relay, tokenFor: undefined };

function replyTo(bytes: Uint8Array, sockets = relay, from: Endpoint = source): Uint8Array {
  const answer = answerFromSockets(bytes, from, sockets, at);
  if (answer instanceof DecodeFailure) throw new Error(answer.reason);
  return answer.reply;
}

/** A request of these attributes alone, in hex. */
function requestOf(attributes: string): Uint8Array {
  const body = hexLiteral(attributes);
  const header = new Uint8Array(HEADER_BYTES);
  putHeader(header, 1, body.length, hexLiteral(transactionId));
  return concatBytes(header, body);
}

test('the request is the stock one with a padded attribute, byte for byte', () => {
  expect(encodeHex(encodeTokenRequest(hexLiteral(transactionId)))).toBe(tokenRequest);
});

test('a relay answers with a token for the address that it saw, over both families', () => {
  for (const from of [source, sourceV6]) {
    asked.length = 0;
    const reply = replyTo(hexLiteral(tokenRequest), relay, from);
    expect(decodeBindingResponse(reply)).toMatchObject({ mapped: from, addressToken: token });
    expect(asked).toEqual([from === source ? '203.0.113.9' : '2001:db8::9']);
    expect(reply.length).toBeLessThanOrEqual(64);
  }
  expect(encodeHex(replyTo(hexLiteral(tokenRequest)))).toBe(
    `010100202112a442${transactionId}002000080001f523ea12d54bd7570010${encodeHex(token)}`,
  );
});

test('whoever gives no tokens answers as if it had not been asked', () => {
  const reply = replyTo(hexLiteral(tokenRequest), other);
  const response = decodeBindingResponse(reply);
  expect(response).toMatchObject({ mapped: source });
  expect(response).not.toHaveProperty('addressToken');
});

test('requests that ask for no token get what they always got', () => {
  const stock = [request, rfc5769.request, changes.port, changes.both, changes.padded];
  asked.length = 0;
  for (const hex of stock) {
    for (const from of [source, sourceV6]) {
      const bytes = hexLiteral(hex);
      expect(answerFromSockets(bytes, from, relay, at)).toEqual(
        answerFromSockets(bytes, from, other, at),
      );
    }
  }
  expect(encodeHex(replyTo(encodeBindingRequest(hexLiteral(transactionId))))).toBe(
    responses.v4.bytes,
  );
  expect(asked).toEqual([]);
});

test('no room, no token: the answer is not longer than the request for its sake', () => {
  const short = requestOf(`d7570000`);
  expect(encodeHex(replyTo(short))).toBe(responses.v4.bytes);
  const forV4 = requestOf(`d757001c${'00'.repeat(28)}`); // 52 bytes, as the answer over IPv4
  expect(decodeBindingResponse(replyTo(forV4))).toHaveProperty('addressToken');
  expect(decodeBindingResponse(replyTo(forV4, relay, sourceV6))).not.toHaveProperty('addressToken');
});

test('behind MESSAGE-INTEGRITY it is no part of the message', () => {
  const sealed = requestOf(`00080014${'00'.repeat(20)}d7570014${'00'.repeat(20)}`);
  expect(decodeBindingResponse(replyTo(sealed))).not.toHaveProperty('addressToken');
});

test('whatever asks for a token, the answer with one is not longer than the request', () => {
  const anyAttribute = fc
    .record({
      type: fc.constantFrom(0xd757, 0x0003, 0x0026, 0x8022, 0x0020, 0xc001, 0x7000),
      length: fc.integer({ min: 0, max: 80 }),
    })
    .map(({ type, length }) => {
      const bytes = new Uint8Array(ATTRIBUTE_HEADER_BYTES + ((length + 3) & ~3));
      putAttribute(bytes, 0, type, length);
      return bytes;
    });
  const anySource = fc
    .oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    .map((bytes) => endpoint(addressFromBytes(bytes), 54_321));
  let given = 0;
  fc.assert(
    fc.property(fc.array(anyAttribute, { maxLength: 6 }), anySource, (attributes, from) => {
      const bytes = requestOf(encodeHex(concatBytes(...attributes)));
      asked.length = 0;
      const answer = answerFromSockets(bytes, from, relay, at);
      if (asked.length === 0 || answer instanceof DecodeFailure) return;
      given++;
      expect(answer.reply.length).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 500 },
  );
  expect(given).toBeGreaterThan(20);
});

test('damaged requests never draw a longer answer than they are, but for the stock 24 bytes', () => {
  for (const from of [source, sourceV6]) {
    for (const damaged of mutations(hexLiteral(tokenRequest))) {
      asked.length = 0;
      const answer = answerFromSockets(damaged, from, relay, at);
      if (answer instanceof DecodeFailure) continue;
      const room = asked.length > 0 ? 0 : 24;
      expect(answer.reply.length).toBeLessThanOrEqual(damaged.length + room);
    }
  }
});

test('a token of another length is none, and the answer is good without it', () => {
  for (const length of [0, 15, 17, 32]) {
    const value = '11'.repeat((length + 3) & ~3);
    const hex = `002000080001f523ea12d54bd757${length.toString(16).padStart(4, '0')}${value}`;
    const size = (hex.length / 2).toString(16).padStart(4, '0');
    const response = decodeBindingResponse(hexLiteral(`0101${size}2112a442${transactionId}${hex}`));
    expect(response).toMatchObject({ mapped: source });
    expect(response).not.toHaveProperty('addressToken');
  }
});

test('damaged answers with a token give a value or a reason', () => {
  const reply = replyTo(hexLiteral(tokenRequest)).slice();
  for (const damaged of mutations(reply)) {
    const response = decodeBindingResponse(damaged);
    if (response instanceof DecodeFailure) continue;
    expect([undefined, 16]).toContain(response.addressToken?.length);
  }
});
