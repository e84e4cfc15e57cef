import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { truncations } from '../base/mutations.js';
import { encodeBindingRequest } from '../stun/binding.js';
import { request, responses, rfc5769 } from '../stun/vectors.js';
import { classifyDatagram, isDisco } from './classify.js';
import { callMeMaybe, geneve, paddedPing, ping, pongV4, pongV6 } from './vectors.js';

const kindOf = (bytes: Uint8Array) => classifyDatagram(bytes, 0, bytes.length);
const kindOfHex = (hex: string) => kindOf(hexLiteral(hex));
const wireGuard = (type: number, length: number) => {
  const bytes = new Uint8Array(length).fill(0xa5);
  bytes.set([type, 0, 0, 0]);
  return bytes;
};

test('requests and answers of STUN are STUN', () => {
  for (const hex of [request, rfc5769.request, rfc5769.v4.bytes, rfc5769.v6.bytes]) {
    expect(kindOfHex(hex)).toBe('stun');
  }
  for (const { bytes } of Object.values(responses)) expect(kindOfHex(bytes)).toBe('stun');
  expect(kindOf(encodeBindingRequest(new Uint8Array(12).fill(0xff)))).toBe('stun');
});

test('a message cut below its header is noise', () => {
  for (const cut of truncations(hexLiteral(request))) {
    expect(kindOf(cut)).toBe(cut.length < 20 ? 'noise' : 'stun');
  }
  for (const cut of truncations(concatBytes(hexLiteral(geneve.wireGuard), wireGuard(4, 32)))) {
    expect(kindOf(cut)).toBe(cut.length < 8 ? 'noise' : 'geneve');
  }
});

test('disco envelopes are disco down to magic and key', () => {
  for (const { envelope } of [ping, paddedPing, pongV4, pongV6, callMeMaybe]) {
    const bytes = hexLiteral(envelope);
    expect(kindOf(bytes)).toBe('disco');
    expect(isDisco(bytes, 0, bytes.length)).toBe(true);
    for (const cut of truncations(bytes))
      expect(kindOf(cut)).toBe(cut.length < 38 ? 'noise' : 'disco');
  }
});

test('messages of WireGuard are WireGuard, types and sizes of none are noise', () => {
  for (const [type, length] of [
    [1, 148],
    [2, 92],
    [3, 64],
    [4, 32],
    [4, 1452],
  ] as const) {
    expect(kindOf(wireGuard(type, length))).toBe('wireguard');
  }
  expect(kindOf(wireGuard(4, 31))).toBe('noise');
  expect(kindOf(wireGuard(0, 148))).toBe('noise');
  expect(kindOf(wireGuard(5, 148))).toBe('noise');
  for (const at of [1, 2, 3]) {
    const reserved = wireGuard(4, 32);
    reserved[at] = 1;
    expect(kindOf(reserved)).toBe('noise');
  }
});

test('Geneve is told by protocol and by what lies inside', () => {
  const inside = hexLiteral(ping.envelope);
  expect(kindOf(concatBytes(hexLiteral(geneve.controlDisco), inside))).toBe('geneve');
  expect(kindOf(concatBytes(hexLiteral(geneve.dataDisco), inside))).toBe('geneve');
  expect(kindOf(concatBytes(hexLiteral(geneve.wireGuard), wireGuard(4, 32)))).toBe('geneve');
  expect(kindOf(concatBytes(hexLiteral(geneve.dataDisco), inside.subarray(0, 37)))).toBe('noise');
  expect(kindOf(concatBytes(hexLiteral(geneve.dataDisco), wireGuard(4, 32)))).toBe('noise');
  for (const header of [
    '40007a1201234500',
    '00017a1201234500',
    '00007a1301234500',
    '00007a1201234501',
  ]) {
    expect(kindOf(concatBytes(hexLiteral(header), wireGuard(4, 32)))).toBe('noise');
  }
});

test('keep-alives of one byte and empty datagrams are noise', () => {
  for (let byte = 0; byte < 256; byte++) expect(kindOf(new Uint8Array([byte]))).toBe('noise');
  expect(kindOf(new Uint8Array())).toBe('noise');
});

test('only the bytes between at and length count', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.constantFrom(
          hexLiteral(request),
          hexLiteral(ping.envelope),
          wireGuard(4, 32),
          concatBytes(hexLiteral(geneve.wireGuard), wireGuard(4, 32)),
        ),
        fc.uint8Array({ maxLength: 64 }),
      ),
      fc.uint8Array({ maxLength: 9 }),
      fc.uint8Array({ maxLength: 64 }),
      (datagram, before, behind) => {
        const memory = concatBytes(before, datagram, behind);
        expect(classifyDatagram(memory, before.length, datagram.length)).toBe(kindOf(datagram));
      },
    ),
  );
});

test('random datagrams are noise', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 200 }), (bytes) => {
      bytes[0] = 0xc5; // no kind starts so
      expect(kindOf(bytes)).toBe('noise');
    }),
  );
});
