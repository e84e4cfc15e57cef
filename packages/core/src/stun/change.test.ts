import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { extensions, mutations, truncations } from '../base/mutations.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import {
  decodeBindingResponse,
  encodeBindingRequest,
  encodeChangeRequest,
  MAX_RESPONSE_BYTES,
} from './binding.js';
import { writeU16 } from './message.js';
import { answerFromSockets, type ServerSockets } from './server.js';
import { changes, request, responses, transactionId } from './vectors.js';

const source = '203.0.113.9:54321' as Endpoint;
const sourceV6 = '[2001:db8::9]:41641' as Endpoint;
const at = { alternateAddress: false, alternatePort: false };
const four: ServerSockets = {
  port: 3478,
  alternatePort: 3479,
  addresses: ['192.0.2.1', '2001:db8::1'] as IpAddress[],
  alternateAddresses: ['192.0.2.2'] as IpAddress[],
};
const nameless: ServerSockets = { ...four, addresses: [], alternateAddresses: [] };

function answer(bytes: Uint8Array, sockets = four, from: Endpoint = source, where = at) {
  const placed = answerFromSockets(bytes, from, sockets, where);
  if (placed instanceof DecodeFailure) throw new Error(placed.reason);
  return { ...placed, hex: encodeHex(placed.reply) };
}

test('requests for another port, another address, and both are the vectors, byte for byte', () => {
  const id = hexLiteral(transactionId);
  expect(encodeHex(encodeChangeRequest(id, { address: false, port: true }))).toBe(changes.port);
  expect(encodeHex(encodeChangeRequest(id, { address: true, port: false }))).toBe(changes.address);
  expect(encodeHex(encodeChangeRequest(id, { address: true, port: true }))).toBe(changes.both);
});

test('each of them is answered from the socket that it names, relative to the one that it reached', () => {
  const fromOf = (hex: string, where = at) => answer(hexLiteral(hex), four, source, where).from;
  expect(fromOf(changes.port)).toEqual({ alternateAddress: false, alternatePort: true });
  expect(fromOf(changes.address)).toEqual({ alternateAddress: true, alternatePort: false });
  expect(fromOf(changes.both)).toEqual({ alternateAddress: true, alternatePort: true });
  const other = { alternateAddress: true, alternatePort: true };
  expect(fromOf(changes.both, other)).toEqual(at);
  expect(fromOf(changes.port, other)).toEqual({ alternateAddress: true, alternatePort: false });
});

test('official requests get the answer that they always got', () => {
  for (const sockets of [four, nameless]) {
    expect(answer(hexLiteral(request), sockets)).toMatchObject({
      hex: responses.v4.bytes,
      from: at,
    });
    expect(answer(hexLiteral(request), sockets, sourceV6).hex).toBe(responses.v6.bytes);
  }
});

test('a request with the room for it is told where the answer comes from and where else it could', () => {
  expect(answer(hexLiteral(changes.padded)).hex).toBe(changes.paddedAnswer.bytes);
  expect(answer(hexLiteral(changes.padded), nameless).hex).not.toContain('802b');
  for (const { bytes, ...expected } of [changes.paddedAnswer, changes.v6Answer]) {
    expect(decodeBindingResponse(hexLiteral(bytes))).toMatchObject(expected);
  }
});

test('an illegible origin spoils no answer', () => {
  const bytes = hexLiteral(`${responses.v4.bytes}802b000400010d97`);
  writeU16(bytes, 2, bytes.length - 20);
  expect(decodeBindingResponse(bytes)).toMatchObject({
    mapped: responses.v4.mapped,
    origin: undefined,
  });
});

test('what a server has no socket for is refused with a 420', () => {
  const onePort = { ...four, alternatePort: undefined };
  const oneAddress = { ...four, alternateAddresses: [] };
  for (const [hex, sockets, from] of [
    [changes.port, onePort, source],
    [changes.both, onePort, source],
    [changes.address, oneAddress, source],
    [changes.both, four, sourceV6],
  ] as const) {
    const refusal = answer(hexLiteral(hex), sockets, from);
    expect(refusal.hex).toMatch(/^0111.{36}0009000400000414000a000200030000$/);
    expect(refusal.from).toEqual(at);
  }
});

test('nobody gets more bytes from another socket than it sent', () => {
  const short = hexLiteral(`00010008${transactionHeader()}0003000400000002`);
  expect(answerFromSockets(short, source, four, at)).toBe(fail('change-request-too-short'));
  for (const from of [source, sourceV6]) {
    for (const hex of Object.values(changes).filter((value) => typeof value === 'string')) {
      for (const bytes of [...mutations(hexLiteral(hex)), ...truncations(hexLiteral(hex))]) {
        const placed = answerFromSockets(bytes, from, four, at);
        if (placed instanceof DecodeFailure) continue;
        const changed = placed.from.alternatePort || placed.from.alternateAddress;
        expect(placed.reply.length).toBeLessThanOrEqual(bytes.length + (changed ? 0 : 24));
      }
    }
  }
});

test('a change of the wrong length, and bytes too many, draw nothing', () => {
  const odd = hexLiteral(`0001000c${transactionHeader()}000300080000000600000000`);
  expect(answerFromSockets(odd, source, four, at)).toBe(fail('bad-change-request'));
  for (const bytes of extensions(hexLiteral(changes.both))) {
    expect(answerFromSockets(bytes, source, four, at)).toBeInstanceOf(DecodeFailure);
  }
});

test('a request without a change comes from the socket that it reached', () => {
  const there = { alternateAddress: true, alternatePort: true };
  const bytes = encodeBindingRequest(hexLiteral(transactionId));
  expect(answer(bytes, four, source, there).from).toEqual(there);
});

test('an answer longer than any server sends is refused', () => {
  const valid = hexLiteral(responses.v4.bytes);
  const long = concatBytes(valid, new Uint8Array(MAX_RESPONSE_BYTES + 1 - valid.length));
  expect(decodeBindingResponse(long)).toBe(fail('too-long'));
  expect(decodeBindingResponse(long.subarray(1))).toBeInstanceOf(DecodeFailure);
  expect(decodeBindingResponse(long.subarray(0, MAX_RESPONSE_BYTES))).toMatchObject({
    mapped: responses.v4.mapped,
  });
});

/** Cookie and transaction id. */
function transactionHeader(): string {
  return `2112a442${transactionId}`;
}
