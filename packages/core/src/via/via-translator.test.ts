/** Packets through the translator and back, judged by checksums that are computed anew. */
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { concatBytes } from '../base/bytes.js';
import { Counters } from '../base/counters.js';
import { addressBytes, addressFromBytes, type IpAddress } from '../ip/address.js';
import type { Prefix } from '../ip/prefix.js';
import { MAPPINGS_PER_PEER_MAX } from './via-mappings.js';
import { VIA_ADDRESS, VIA_SHRINK_BYTES, ViaTranslator } from './via-translator.js';
import { checksumOf, fold, sumOf } from './via-wire.js';

const [ICMP, TCP, UDP, ICMPV6] = [1, 6, 17, 58] as const;
const PEER = 'fd7a:115c:a1e0::2' as IpAddress;
const VIA = 'fd7a:115c:a1e0:b1a:0:7:c0a8:114' as IpAddress; // 192.168.1.20 of site 7
const SERVER = '192.168.1.20' as IpAddress;
const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [ICMP]: 2,
  [TCP]: 16,
  [UDP]: 6,
  [ICMPV6]: 2,
};

let counters: Counters;
let translator: ViaTranslator;

beforeEach(() => {
  counters = new Counters();
  translator = new ViaTranslator(counters);
  translator.setNetworks(['fd7a:115c:a1e0:b1a:0:7:c0a8:100/120' as Prefix, '10.0.0.0/8' as Prefix]);
});

function u16(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((number) => [number >> 8, number & 255]));
}

function transport(
  protocol: number,
  from: number,
  to: number,
  payload: Uint8Array,
  flags = 2,
): Uint8Array {
  if (protocol === TCP) {
    return concatBytes(
      u16(from, to),
      new Uint8Array(8),
      Uint8Array.of(0x50, flags),
      u16(1000, 0, 0),
      payload,
    );
  }
  if (protocol === UDP) return concatBytes(u16(from, to, 8 + payload.length, 0), payload);
  const type = { [ICMP]: 0, [ICMPV6]: 128 }[protocol] ?? 0;
  return concatBytes(Uint8Array.of(type, 0), u16(0, from, 1), payload);
}

/** The sum that a right checksum makes 0xffff. */
function sumOfWhole(packet: Uint8Array): number {
  const isV4 = (packet[0] ?? 0) >> 4 === 4;
  const headerBytes = isV4 ? 20 : 40;
  const protocol = packet[isV4 ? 9 : 6] ?? 0;
  const length = packet.length - headerBytes;
  const pseudo =
    protocol === ICMP ? 0 : sumOf(packet, isV4 ? 12 : 8, isV4 ? 8 : 32) + length + protocol;
  return fold(pseudo + sumOf(packet, headerBytes, length));
}

function packet(
  source: IpAddress,
  target: IpAddress,
  protocol: number,
  body: Uint8Array,
): Uint8Array {
  const isV4 = !source.includes(':');
  const header = isV4
    ? concatBytes(
        Uint8Array.of(0x45, 0xb8),
        u16(20 + body.length, 0, 0),
        Uint8Array.of(61, protocol),
        u16(0),
      )
    : concatBytes(Uint8Array.of(0x6b, 0x80, 0, 0), u16(body.length), Uint8Array.of(protocol, 63));
  const whole = concatBytes(header, addressBytes(source), addressBytes(target), body);
  const at = (isV4 ? 20 : 40) + (CHECKSUM_AT[protocol] ?? 0);
  const checksum = checksumOf(sumOfWhole(whole));
  whole.set(u16(checksum === 0 ? 0xffff : checksum), at);
  return whole;
}

/** Through, as the router's kernel would get it. */
function outward(whole: Uint8Array, nowMs = 0): Uint8Array {
  const memory = concatBytes(new Uint8Array(5), whole);
  expect(translator.isForUs(memory, 5)).toBe(true);
  const length = translator.toIpv4(memory, 5, whole.length, nowMs);
  return memory.slice(5 + VIA_SHRINK_BYTES, 5 + VIA_SHRINK_BYTES + length);
}

function inward(whole: Uint8Array, nowMs = 0): Uint8Array {
  const length = translator.toIpv6(whole, 0, whole.length, nowMs);
  return translator.scratch.slice(translator.scratchAt, translator.scratchAt + length);
}

const addressIn = (whole: Uint8Array, at: number): string =>
  addressFromBytes(whole.slice(at, at + ((whole[0] ?? 0) >> 4 === 4 ? 4 : 16)));

test('TCP, UDP and echo go out and their answers come back, with checksums that hold', () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  const payload = fc.uint8Array({ maxLength: 300 });
  const protocol = fc.constantFrom(TCP, UDP, ICMPV6);
  fc.assert(
    fc.property(protocol, port, port, payload, payload, (kind, from, to, asked, answered) => {
      const v4 = outward(packet(PEER, VIA, kind, transport(kind, from, to, asked)));
      const kind4 = kind === ICMPV6 ? ICMP : kind;
      expect([addressIn(v4, 12), addressIn(v4, 16), v4[9]]).toEqual([VIA_ADDRESS, SERVER, kind4]);
      expect([v4[1], v4[8]]).toEqual([0xb8, 63]);
      expect(fold(sumOf(v4, 0, 20))).toBe(0xffff);
      expect(sumOfWhole(v4)).toBe(0xffff);
      const mapped =
        ((v4[kind4 === ICMP ? 24 : 20] ?? 0) << 8) | (v4[kind4 === ICMP ? 25 : 21] ?? 0);
      const [sender, receiver] = kind4 === ICMP ? [mapped, 0] : [to, mapped];
      const answer = packet(
        SERVER,
        VIA_ADDRESS,
        kind4,
        transport(kind4, sender, receiver, answered, 0x12),
      );
      expect(translator.isAnswer(answer, 0)).toBe(true);
      const v6 = inward(answer);
      expect([addressIn(v6, 8), addressIn(v6, 24), v6[6]]).toEqual([VIA, PEER, kind]);
      expect(v6[40]).toBe(kind === ICMPV6 ? 129 : to >> 8);
      expect(v6[kind === ICMPV6 ? 45 : 43]).toBe(from & 255);
      expect(sumOfWhole(v6)).toBe(0xffff);
      expect(v6.slice(v6.length - answered.length)).toEqual(answered);
    }),
  );
});

test('UDP of IPv4 without a checksum gets one', () => {
  const v4 = outward(packet(PEER, VIA, UDP, transport(UDP, 5000, 53, u16(1))));
  const answer = packet(SERVER, VIA_ADDRESS, UDP, transport(UDP, 53, 5000, u16(2, 3)));
  answer.set([0, 0], 26);
  expect(v4[20]).toBe(5000 >> 8);
  expect(sumOfWhole(inward(answer))).toBe(0xffff);
});

test('two peers with one port are told apart, and so are sites', () => {
  const body = (): Uint8Array => transport(UDP, 5000, 53, u16(1));
  const other = 'fd7a:115c:a1e0::3' as IpAddress;
  const ports = [PEER, other, PEER].map((peer) => {
    const v4 = outward(packet(peer, VIA, UDP, body()));
    return ((v4[20] ?? 0) << 8) | (v4[21] ?? 0);
  });
  expect(ports[0]).toBe(5000);
  expect(ports[1]).not.toBe(5000);
  expect(ports[2]).toBe(5000);
  const answer = packet(SERVER, VIA_ADDRESS, UDP, transport(UDP, 53, ports[1] ?? 0, u16(1)));
  expect(addressIn(inward(answer), 24)).toBe(other);
});

test('an error on the way reaches who asked, about the packet that it sent', () => {
  const v4 = outward(packet(PEER, VIA, UDP, transport(UDP, 70, 53, u16(1, 2))));
  const error = (type: number, code: number, rest: number): Uint8Array =>
    packet(
      '192.168.9.1' as IpAddress,
      VIA_ADDRESS,
      ICMP,
      concatBytes(Uint8Array.of(type, code), u16(0, 0, rest), v4),
    );
  for (const [type, code, rest, wantedType, wantedCode, wantedRest] of [
    [3, 3, 0, 1, 4, 0],
    [3, 1, 0, 1, 0, 0],
    [3, 13, 0, 1, 1, 0],
    [11, 0, 0, 3, 0, 0],
    [3, 4, 1400, 2, 0, 1420],
    [3, 4, 500, 2, 0, 1280],
  ] as const) {
    const v6 = inward(error(type, code, rest));
    expect([v6[40], v6[41], ((v6[46] ?? 0) << 8) | (v6[47] ?? 0)]).toEqual([
      wantedType,
      wantedCode,
      wantedRest,
    ]);
    expect([addressIn(v6, 8), addressIn(v6, 24)]).toEqual([VIA, PEER]);
    expect(sumOfWhole(v6)).toBe(0xffff);
    const quoted = v6.slice(48);
    expect([addressIn(quoted, 8), addressIn(quoted, 24), quoted[6], quoted[41]]).toEqual([
      PEER,
      VIA,
      UDP,
      70,
    ]);
  }
});

test('what nobody asked for, fragments and other protocols are dropped and counted', () => {
  const stranger = packet(SERVER, VIA_ADDRESS, UDP, transport(UDP, 53, 999, u16(1)));
  expect(inward(stranger)).toHaveLength(0);
  const fragment = packet(SERVER, VIA_ADDRESS, UDP, transport(UDP, 53, 999, u16(1)));
  fragment[6] = 0x20;
  expect(inward(fragment)).toHaveLength(0);
  expect(outward(packet(PEER, VIA, 44, new Uint8Array(40)))).toHaveLength(0);
  expect(outward(packet(PEER, VIA, TCP, new Uint8Array(19)))).toHaveLength(0);
  expect(counters.snapshot()).toEqual({
    'via-no-mapping': 1,
    'via-fragment': 1,
    'via-protocol': 1,
    'via-truncated': 1,
  });
});

test('mappings end by time, sooner after a reset', () => {
  const reset = outward(packet(PEER, VIA, TCP, transport(TCP, 5000, 80, u16(), 4)));
  expect(reset).not.toHaveLength(0);
  const answer = (port: number): Uint8Array =>
    packet(SERVER, VIA_ADDRESS, TCP, transport(TCP, 80, port, u16(), 0x11));
  expect(inward(answer(5000), 239_000)).not.toHaveLength(0);
  expect(inward(answer(5000), 239_000 + 241_000)).toHaveLength(0);
});

test('one peer takes its share of the table, and no more', () => {
  for (let port = 1; port <= MAPPINGS_PER_PEER_MAX; port++) {
    outward(packet(PEER, VIA, UDP, transport(UDP, port, 53, u16())));
  }
  expect(outward(packet(PEER, VIA, UDP, transport(UDP, 60_000, 53, u16())))).toHaveLength(0);
  expect(counters.snapshot()).toEqual({ 'via-table-full': 1 });
  const other = 'fd7a:115c:a1e0::3' as IpAddress;
  expect(outward(packet(other, VIA, UDP, transport(UDP, 1, 53, u16())))).not.toHaveLength(0);
  // When they have ended there is room again.
  expect(
    outward(packet(PEER, VIA, UDP, transport(UDP, 60_000, 53, u16())), 301_000),
  ).not.toHaveLength(0);
});

test('noise never throws and never grows', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 200 }), (noise) => {
      const bytes = Uint8Array.from(noise);
      bytes[0] = 0x60;
      expect(translator.toIpv4(Uint8Array.from(bytes), 0, bytes.length, 0)).toBeLessThan(
        bytes.length,
      );
      bytes[0] = 0x45 + ((noise[1] ?? 0) % 3);
      expect(translator.toIpv6(bytes, 0, bytes.length, 0)).toBeLessThan(bytes.length + 120);
    }),
  );
});
