import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHex } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { PlainChecksum } from './checksum.js';
import { SegmentSlots } from './slots.js';
import { SuperPacketSplitter } from './split.js';
import {
  ACK,
  anyShape,
  CWR,
  ECE,
  FIN,
  headerBytesOf,
  type PacketShape,
  PSH,
  packetOf,
  payloadOf,
  readOf,
  SYN,
  segmentsOf,
  superPacketOf,
} from './testing/packets.js';

const READ_AT = 4099;
const SLOTS_AT = 80_000;

/** Splits one read; answers the packets, handed on `slots` at a time, or the reason why not. */
function split(read: Uint8Array, { slots = 64, packetBytesMax = 2000 } = {}): string[] | string {
  const shape = { slots, packetBytesMax, headroomBytes: 16, tailroomBytes: 32 };
  const memory = new Uint8Array(SLOTS_AT + SegmentSlots.bytesFor(shape)).fill(0xee);
  memory.set(read, READ_AT);
  const places = new SegmentSlots(memory, SLOTS_AT, shape);
  const splitter = new SuperPacketSplitter(memory, new PlainChecksum(memory), places);
  const packets: string[] = [];
  const refusal = splitter.begin(READ_AT, read.length);
  let hasMore = true;
  while (hasMore) {
    hasMore = splitter.fill();
    for (let i = 0; i < places.count; i++) {
      const at = places.offsets[i] ?? 0;
      packets.push(encodeHex(memory.subarray(at, at + (places.lengths[i] ?? 0))));
    }
    expect(hasMore).toBe(hasMore && places.count === slots);
    places.count = 0;
  }
  if (refusal === undefined) return packets;
  expect(packets).toEqual([]);
  return refusal.reason;
}

const hexOf = (packets: readonly Uint8Array[]): string[] => packets.map(encodeHex);

describe('a super-packet', () => {
  test('becomes the segments that a sender without offload would have sent', () => {
    fc.assert(
      fc.property(
        anyShape,
        fc.nat(6000),
        fc.integer({ min: 1, max: 1500 }),
        fc.integer({ min: 1, max: 64 }),
        (shape, bytes, size, slots) => {
          const gsoSize = Math.max(size, Math.ceil(bytes / 200));
          const whole = { ...shape, payload: payloadOf(bytes) };
          expect(split(superPacketOf(whole, gsoSize), { slots })).toEqual(
            hexOf(segmentsOf(whole, gsoSize)),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of the largest size there is fits, in both families', () => {
    for (const version of [4, 6] as const) {
      const most = version === 4 ? 65_535 - 40 : 65_535 - 20;
      const shape: PacketShape = { version, payload: payloadOf(most) };
      expect(split(superPacketOf(shape, 1228))).toEqual(hexOf(segmentsOf(shape, 1228)));
    }
  });

  test('keeps FIN and PSH for the last segment and CWR for the first, ECE and ECN everywhere', () => {
    const flags = ACK | FIN | PSH | ECE | CWR;
    const shape: PacketShape = { payload: payloadOf(3000), flags, tos: 2 };
    const packets = split(superPacketOf(shape, 1000));
    expect(packets).toEqual(hexOf(segmentsOf(shape, 1000)));
    const flagsAt = 2 * (20 + 13);
    expect([...packets].map((hex) => hex.slice(flagsAt, flagsAt + 2))).toEqual(['d0', '50', '59']);
  });

  test('carries IP options and extension headers into every segment', () => {
    const options: PacketShape = {
      ipOptions: Uint8Array.of(148, 4, 0, 0, 1, 1, 1, 1),
      payload: payloadOf(2500),
    };
    expect(split(superPacketOf(options, 1000))).toEqual(hexOf(segmentsOf(options, 1000)));
    const extension: PacketShape = { version: 6, hasExtension: true, payload: payloadOf(2500) };
    expect(split(superPacketOf(extension, 999))).toEqual(hexOf(segmentsOf(extension, 999)));
  });

  test('sends no checksum of UDP as 0, which would mean none', () => {
    let zeros = 0;
    for (let id = 0; id < 70_000 && zeros === 0; id++) {
      const payload = Uint8Array.of(id >> 16, id >> 8, id, 0);
      const shape: PacketShape = { protocol: 'udp', payload: payload };
      const hex = encodeHex(packetOf(shape));
      if (hex.slice(2 * 26, 2 * 28) !== 'ffff') continue;
      zeros++;
      expect(split(superPacketOf(shape, 4))).toEqual([hex]);
      const partial = packetOf({ ...shape, isPartial: true });
      const read = readOf({ gsoType: 0, checksumStart: 20, checksumOffset: 6, packet: partial });
      expect(split(read)).toEqual([hex]);
    }
    expect(zeros).toBe(1);
  });
});

describe('a whole packet', () => {
  test('goes through unchanged, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 1500 }), (packet) => {
        expect(split(readOf({ flags: 0, gsoType: 0, packet }))).toEqual([encodeHex(packet)]);
        // "The checksum is known to be right" asks nothing of us.
        expect(split(readOf({ flags: 2, gsoType: 0, packet }))).toEqual([encodeHex(packet)]);
      }),
    );
  });

  test('gets the checksum that the kernel left to us', () => {
    fc.assert(
      fc.property(anyShape, fc.nat(1400), fc.boolean(), (shape, bytes, hasExtension) => {
        const whole = { ...shape, hasExtension, payload: payloadOf(bytes) };
        const read = readOf({
          gsoType: 0,
          checksumStart: headerBytesOf(whole).ip,
          checksumOffset: shape.protocol === 'udp' ? 6 : 16,
          packet: packetOf({ ...whole, isPartial: true }),
        });
        const [hex = ''] = split(read);
        const right = encodeHex(packetOf(whole));
        // TCP has both zeros of one's complement.
        if (hex !== right) expect(hex.replace('ffff', '0000')).toBe(right.replace('ffff', '0000'));
      }),
    );
  });
});

describe('what does not fit together is refused', () => {
  const shape: PacketShape = { payload: payloadOf(3000) };
  const good = superPacketOf(shape, 1000);
  const changed = (at: number, ...bytes: number[]): Uint8Array => {
    const copy = good.slice();
    copy.set(bytes, at);
    return copy;
  };

  test('at every truncation', () => {
    for (const version of [4, 6] as const) {
      for (const protocol of ['tcp', 'udp'] as const) {
        const read = superPacketOf({ version, protocol, payload: payloadOf(100) }, 50);
        for (let length = 0; length < read.length; length++) {
          expect(split(read.slice(0, length))).toBeTypeOf('string');
        }
      }
    }
  });

  test('with a reason', () => {
    expect(split(good.slice(0, 29))).toBe('split-short');
    expect(split(changed(1, 2))).toBe('split-gso-type');
    expect(split(changed(1, 4))).toBe('split-ip-header');
    expect(split(changed(1, 5))).toBe('split-transport-header');
    expect(split(changed(4, 0, 0))).toBe('split-gso-size');
    expect(split(changed(6, 24))).toBe('split-checksum-place');
    expect(split(changed(8, 6))).toBe('split-checksum-place');
    expect(split(changed(10, 0x55))).toBe('split-ip-header');
    expect(split(changed(10, 0x44))).toBe('split-ip-header');
    expect(split(changed(12, 0, 40))).toBe('split-ip-length');
    expect(split(changed(16, 0x20))).toBe('split-ip-fragment');
    expect(split(changed(19, 17))).toBe('split-transport-header');
    expect(split(changed(42, 0x40))).toBe('split-transport-header');
    expect(split(changed(43, ACK | SYN))).toBe('split-tcp-flags');
    expect(split(good, { packetBytesMax: 1039 })).toBe('split-too-large');
    expect(split(good, { packetBytesMax: 1040 })).toHaveLength(3);
    const long = readOf({ flags: 0, gsoType: 0, packet: new Uint8Array(1041) });
    expect(split(long, { packetBytesMax: 1040 })).toBe('split-too-large');
    expect(split(new Uint8Array(65_586))).toBe('split-too-large');
    const packet = packetOf({ payload: payloadOf(10) });
    for (const [checksumStart, checksumOffset] of [
      [0, 16],
      [20, 29],
      [49, 0],
      [0xffff, 0xffff],
    ] as const) {
      const read = readOf({ gsoType: 0, checksumStart, checksumOffset, packet });
      expect(split(read)).toBe('split-checksum-place');
    }
  });

  test('IPv6 behind a fragment header, a route with stops left or endless headers', () => {
    const extended = superPacketOf(
      { version: 6, hasExtension: true, payload: payloadOf(900) },
      500,
    );
    const change = (next: number, ...header: number[]): Uint8Array => {
      const copy = extended.slice();
      copy[16] = next;
      copy.set(header, 50);
      return copy;
    };
    expect(split(change(44, 6, 0, 0, 0))).toBe('split-ip-header');
    expect(split(change(43, 6, 0, 0, 1))).toBe('split-ip-header');
    expect(split(change(43, 6, 0, 0, 0))).toHaveLength(2);
    expect(split(change(60, 60, 0xff))).toBe('split-ip-header');
    expect(split(change(60, 0))).toBeTypeOf('string');
  });

  test('and no noise at all does harm', () => {
    fc.assert(
      fc.property(
        anyShape,
        fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 4 }),
        (base, changes) => {
          const read = superPacketOf({ ...base, payload: payloadOf(300) }, 100);
          for (const [at, value] of changes) read[at] = value;
          const packets = split(read);
          if (typeof packets !== 'string') {
            expect(packets.length).toBeGreaterThan(0);
            expect(packets.length).toBeLessThanOrEqual(300);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('a read that was refused leaves nothing behind for the next', () => {
  const shape: PacketShape = { payload: payloadOf(2000) };
  const read = superPacketOf(shape, 1000);
  const slots = { slots: 1, packetBytesMax: 1500, headroomBytes: 16, tailroomBytes: 32 };
  const memory = new Uint8Array(SLOTS_AT + SegmentSlots.bytesFor(slots));
  memory.set(read, READ_AT);
  const places = new SegmentSlots(memory, SLOTS_AT, slots);
  const splitter = new SuperPacketSplitter(memory, new PlainChecksum(memory), places);
  expect(splitter.begin(READ_AT, read.length)).toBeUndefined();
  expect(splitter.fill()).toBe(true);
  expect(isFailure(splitter.begin(READ_AT, 12))).toBe(true);
  places.count = 0;
  expect(splitter.fill()).toBe(false);
  expect(places.count).toBe(0);
});
