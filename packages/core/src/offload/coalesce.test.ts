import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral, viewOf } from '../base/bytes.js';
import { PENDING_PACKETS_MAX } from './groups.js';
import { coalesce, expand } from './testing/coalescing.js';
import {
  ACK,
  anyShape,
  CWR,
  ECE,
  FIN,
  naiveSum,
  type PacketShape,
  PSH,
  packetOf,
  payloadOf,
  RST,
  SYN,
  segmentsOf,
  superPacketOf,
  URG,
} from './testing/packets.js';

const hexOf = (packets: readonly Uint8Array[]): string[] => packets.map(encodeHex);

/** A packet as text; the id of an IPv4 packet that must not be fragmented says nothing (RFC 6864). */
function textOf(packet: Uint8Array): string {
  const copy = packet.slice();
  const isWhole = naiveSum(copy.slice(0, 20)) === 0xffff;
  if (copy[0] === 0x45 && copy[6] === 0x40 && isWhole) copy.set([0, 0], 4);
  if (copy[0] === 0x45 && copy[6] === 0x40 && isWhole) copy.set([0, 0], 10);
  return encodeHex(copy);
}

/** Segments of `shape`, three by default, of 100 bytes each. */
const run = (shape: PacketShape, count = 3): Uint8Array[] =>
  segmentsOf({ ...shape, payload: payloadOf(100 * count) }, 100);

/** How many packets went into each write. */
const sizesOf = (writes: readonly Uint8Array[]): number[] =>
  writes.map((write) => expand([write]).length);

describe('segments of one flow', () => {
  test('become the super-packet that they could have come from', () => {
    fc.assert(
      fc.property(
        anyShape,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.nat(1000),
        (shape, count, size, less) => {
          const bytes = count * size - Math.min(less, size - 1);
          const flags = shape.flags ?? ACK;
          const whole = { ...shape, flags, payload: payloadOf(bytes) };
          const packets = segmentsOf(whole, size);
          const writes = coalesce(packets);
          const expected = superPacketOf(whole, size);
          if (packets.length > 1) {
            // Nobody reads the header length; it only tells how much to keep in one piece.
            writes[0]?.fill(0, 2, 4);
            expect(hexOf(writes)).toEqual([encodeHex(expected)]);
          } else {
            expect(hexOf(writes)).toEqual([encodeHex(concatBytes(new Uint8Array(10), ...packets))]);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('tell the kernel all it needs', () => {
    const shape: PacketShape = { version: 6, tcpOptions: new Uint8Array(12), seq: 77 };
    const [write = new Uint8Array(0)] = coalesce(run(shape));
    // Flags, type; header length 40 + 32; size 100; checksum at 40 + 16; payload length 32 + 300.
    expect(encodeHex(write.slice(0, 10))).toBe('01044800640028001000');
    expect(viewOf(write).getUint16(14)).toBe(332);
  });

  test('end at PSH, at a short one, and where a longer one comes', () => {
    const more = { payload: payloadOf(100), seq: 1300, id: 10 };
    const pushed = [...run({ flags: ACK | PSH }), packetOf(more)];
    expect(sizesOf(coalesce(pushed))).toEqual([3, 1]);
    expect(hexOf(expand(coalesce(pushed)))).toEqual(hexOf(pushed));
    const short = [
      ...segmentsOf({ payload: payloadOf(290) }, 100),
      packetOf({ ...more, seq: 1290 }),
    ];
    expect(sizesOf(coalesce(short))).toEqual([3, 1]);
    const long = [...run({}), packetOf({ ...more, payload: payloadOf(101) })];
    expect(sizesOf(coalesce(long))).toEqual([3, 1]);
  });

  test('go on over the end of the sequence space', () => {
    const packets = run({ seq: 0xffff_ff80, id: 0xffff, fragment: 0 }, 5);
    expect(sizesOf(coalesce(packets))).toEqual([5]);
    expect(hexOf(expand(coalesce(packets)))).toEqual(hexOf(packets));
  });

  test('part where a sequence number is missing or comes twice', () => {
    const [a, b, c] = run({});
    if (a === undefined || b === undefined || c === undefined) throw new Error('three packets');
    expect(sizesOf(coalesce([a, c, b]))).toEqual([1, 1, 1]);
    expect(sizesOf(coalesce([a, a, b, c]))).toEqual([1, 3]);
  });

  test.each<[string, PacketShape]>([
    ['ECN', { tos: 3 }],
    ['TTL', { ttl: 63 }],
    ['the right to fragment', { fragment: 0 }],
    ['acknowledgement', { ack: 2001 }],
    ['window', { window: 513 }],
    ['ECE', { flags: ACK | ECE }],
    ['options', { tcpOptions: hexLiteral('0101080a0000000100000002') }],
    ['port', { sourcePort: 5202 }],
    ['address', { target: 3 }],
    ['protocol', { protocol: 'udp' }],
    ['version', { version: 6 }],
  ])('part from another %s', (_, change) => {
    const packets = [...run({}, 2), ...run({ id: 9, seq: 1200, ...change }, 2)];
    const writes = coalesce(packets);
    expect(sizesOf(writes)).toEqual([2, 2]);
    expect(hexOf(expand(writes))).toEqual(hexOf(packets));
  });

  test('of IPv6 part from another class, flow label or hop limit', () => {
    const shape: PacketShape = { version: 6 };
    for (const change of [{ tos: 1 }, { flowLabel: 5 }, { ttl: 1 }]) {
      const packets = [...run(shape, 2), ...run({ ...shape, ...change, seq: 1200 }, 2)];
      expect(sizesOf(coalesce(packets))).toEqual([2, 2]);
    }
  });

  test('that may be fragmented need ids that count up', () => {
    const [a, , c] = run({ fragment: 0 });
    const odd = packetOf({ fragment: 0, id: 100, seq: 1100, payload: payloadOf(100) });
    if (a === undefined || c === undefined) throw new Error('three packets');
    expect(sizesOf(coalesce([a, odd, c]))).toEqual([1, 1, 1]);
    const fixed = run({}).map((_, i) =>
      packetOf({ id: 0, seq: 1000 + 100 * i, payload: payloadOf(100, i) }),
    );
    expect(sizesOf(coalesce(fixed))).toEqual([3]);
  });

  test('fill a super-packet to the limits of the kernel and no further', () => {
    for (const version of [4, 6] as const) {
      const packets = segmentsOf({ version, payload: payloadOf(200_000) }, 1228);
      const writes = coalesce(packets);
      expect(writes).toHaveLength(4);
      for (const write of writes) expect(write.length).toBeLessThanOrEqual(10 + 65_535);
      expect(hexOf(expand(writes)).map((hex) => hex.slice(40))).toEqual(
        hexOf(packets).map((hex) => hex.slice(40)),
      );
    }
    const tiny = segmentsOf({ payload: payloadOf(300) }, 1);
    expect(sizesOf(coalesce(tiny))).toEqual([128, 128, 44]);
    const datagrams = segmentsOf({ protocol: 'udp', payload: payloadOf(150) }, 1);
    expect(sizesOf(coalesce(datagrams))).toEqual([64, 64, 22]);
  });
});

describe('what is odd goes alone and unchanged, and parts its flow', () => {
  const before = run({}, 2);
  const after = run({ seq: 1200, id: 9 }, 2);
  const cut = { payload: payloadOf(100), seq: 1200, id: 9 };
  const flipped = packetOf(cut);
  flipped[60] = (flipped[60] ?? 0) ^ 1;
  const badHeader = packetOf(cut);
  badHeader[11] = (badHeader[11] ?? 0) ^ 1;
  const tooLong = packetOf(cut);
  tooLong[3] = 200;

  test.each<[string, Uint8Array]>([
    ['an acknowledgement without data', packetOf({ seq: 1200 })],
    ['SYN', packetOf({ ...cut, flags: SYN })],
    ['FIN', packetOf({ ...cut, flags: ACK | FIN })],
    ['RST', packetOf({ ...cut, flags: ACK | RST })],
    ['URG', packetOf({ ...cut, flags: ACK | URG })],
    ['CWR', packetOf({ ...cut, flags: ACK | CWR })],
    ['data without ACK', packetOf({ ...cut, flags: 0 })],
    ['a wrong checksum of TCP', flipped],
    ['a wrong checksum of IP', badHeader],
    ['a wrong length of IP', tooLong],
    ['IP options', packetOf({ ...cut, ipOptions: Uint8Array.of(1, 1, 1, 1) })],
    ['a first fragment', packetOf({ ...cut, fragment: 0x2000 })],
    ['a later fragment', packetOf({ ...cut, fragment: 0x0010 })],
    ['the reserved bit of IP', packetOf({ ...cut, fragment: 0xc000 })],
    ['a cut header', packetOf(cut).slice(0, 39)],
  ])('%s', (_, odd) => {
    const writes = coalesce([...before, odd, ...after]);
    expect(sizesOf(writes)).toEqual([2, 1, 2]);
    expect(encodeHex(writes[1]?.slice(10) ?? odd)).toBe(encodeHex(odd));
    expect(encodeHex(writes[1]?.slice(0, 10) ?? odd)).toBe('00'.repeat(10));
  });

  test('IPv6 extension headers', () => {
    const shape: PacketShape = { version: 6 };
    const odd = packetOf({ ...cut, version: 6, hasExtension: true });
    const packets = [...run(shape, 2), odd, ...run({ ...shape, seq: 1200 }, 2)];
    expect(sizesOf(coalesce(packets))).toEqual([2, 1, 2]);
    expect(hexOf(expand(coalesce(packets)))).toEqual(hexOf(packets));
  });

  test('but only its own flow: ICMP and strangers part nobody', () => {
    const icmp = packetOf({ payload: payloadOf(100) });
    icmp[9] = 1;
    const stranger = packetOf({ ...cut, target: 9, fragment: 0x2000 });
    const writes = coalesce([...before, icmp, stranger, ...after]);
    expect(sizesOf(writes)).toEqual([4, 1, 1]);
  });
});

describe('datagrams', () => {
  const shape: PacketShape = { protocol: 'udp', payload: payloadOf(1000) };
  const packets = segmentsOf(shape, 300);

  test('of equal size join, and a shorter one ends', () => {
    expect(sizesOf(coalesce([...packets, ...packets]))).toEqual([4, 4]);
    expect(hexOf(expand(coalesce(packets)))).toEqual(hexOf(packets));
  });

  test('stay alone on a device without the offload', () => {
    expect(coalesce(packets, false).map((write) => encodeHex(write.slice(10)))).toEqual(
      hexOf(packets),
    );
  });

  test('without checksum, without payload or with a wrong length stay alone', () => {
    const [first = new Uint8Array(0)] = packets;
    const none = first.slice();
    none.set([0, 0], 26);
    const empty = packetOf({ protocol: 'udp' });
    const wrong = first.slice();
    wrong[25] = (wrong[25] ?? 0) - 1;
    for (const odd of [none, empty, wrong]) {
      const writes = coalesce([odd, odd]);
      expect(writes.map((write) => encodeHex(write.slice(10)))).toEqual(hexOf([odd, odd]));
    }
  });
});

describe('many flows at a time', () => {
  test('join each for itself, up to sixteen', () => {
    const flows = Array.from({ length: 16 }, (_, i) => run({ sourcePort: 1000 + i }, 4));
    const mixed = [0, 1, 2, 3].flatMap((turn) =>
      flows.flatMap((flow) => flow.slice(turn, turn + 1)),
    );
    expect(sizesOf(coalesce(mixed))).toEqual(flows.map(() => 4));
    expect(hexOf(expand(coalesce(mixed)))).toEqual(hexOf(flows.flat()));
  });

  test('with more than sixteen lose joining, not packets', () => {
    const flows = Array.from({ length: 20 }, (_, i) => run({ sourcePort: 1000 + i }, 4));
    const mixed = [0, 1, 2, 3].flatMap((turn) =>
      flows.flatMap((flow) => flow.slice(turn, turn + 1)),
    );
    const out = expand(coalesce(mixed));
    expect(hexOf(out).sort()).toEqual(hexOf(mixed).sort());
  });

  test('flush by themselves when the table of packets is full', () => {
    const packets = Array.from({ length: PENDING_PACKETS_MAX + 10 }, (_, i) =>
      packetOf({ seq: 1000 + i, sourcePort: i % 3, flags: ACK, payload: payloadOf(i % 2) }),
    );
    expect(hexOf(expand(coalesce(packets)))).toEqual(hexOf(packets));
  });
});

describe('whatever comes', () => {
  /** Traffic of few flows: long runs, cut and changed in all ways. */
  const runs = fc.array(
    fc.record({
      shape: fc.record({
        version: fc.constantFrom(4, 6),
        protocol: fc.constantFrom('tcp', 'udp'),
        sourcePort: fc.constantFrom(1, 2, 3),
        fragment: fc.constantFrom(0, 0x4000, 0x4000, 0x4000, 0x2000),
        flags: fc.constantFrom(ACK, ACK, ACK, ACK | PSH, ACK | FIN),
        hasExtension: fc.constantFrom(false, false, false, true),
      }),
      count: fc.integer({ min: 1, max: 6 }),
      size: fc.constantFrom(1, 99, 100),
      flips: fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 255 })), { maxLength: 1 }),
    }),
    { maxLength: 12 },
  );

  const traffic = runs.map((all) => {
    const nexts = new Map<string, number>();
    return all.flatMap(({ shape, count, size, flips }) => {
      const flow = `${shape.version} ${shape.protocol} ${shape.sourcePort}`;
      const seq = nexts.get(flow) ?? 1000;
      nexts.set(flow, seq + count * size);
      const packets = segmentsOf(
        { ...shape, seq, id: seq, payload: payloadOf(count * size) },
        size,
      );
      for (const [at, bits] of flips) {
        const packet = packets[at % packets.length];
        if (packet !== undefined && at < packet.length) packet[at] = (packet[at] ?? 0) ^ bits;
      }
      return packets;
    });
  });

  /** Addresses alone, since nobody knows a fragment's ports. */
  const pairOf = (packet: Uint8Array): string =>
    encodeHex(packet[0] === 0x45 ? packet.slice(12, 20) : packet.slice(8, 40));

  const flowOf = (packet: Uint8Array): string => {
    const ports = packet[0] === 0x45 ? packet.slice(20, 24) : packet.slice(40, 44);
    const protocol = packet[0] === 0x45 ? packet[9] : packet[6];
    return `${packet[0]} ${pairOf(packet)} ${protocol} ${encodeHex(ports)}`;
  };

  test('nothing is lost, changed, repaired or, within a flow, out of order', () => {
    fc.assert(
      fc.property(traffic, (packets) => {
        const out = expand(coalesce(packets));
        expect(out.map(textOf).sort()).toEqual(packets.map(textOf).sort());
        for (const flow of new Set(packets.map(flowOf))) {
          const isOf = (packet: Uint8Array): boolean => flowOf(packet) === flow;
          expect(out.filter(isOf).map(textOf)).toEqual(packets.filter(isOf).map(textOf));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a fragment keeps its place among all packets between its addresses', () => {
    fc.assert(
      fc.property(traffic, fc.nat(100), (others, where) => {
        const packets = [...others];
        const fragment = packetOf({ fragment: 0x2000, id: 9999, payload: payloadOf(64) });
        const at = where % (packets.length + 1);
        packets.splice(at, 0, fragment);
        const pair = pairOf(fragment);
        const isBefore = (list: readonly Uint8Array[]): string[] => {
          const end = list.findIndex((packet) => encodeHex(packet) === encodeHex(fragment));
          return list
            .slice(0, end)
            .filter((packet) => packet[0] === 0x45 && pairOf(packet) === pair)
            .map(textOf)
            .sort();
        };
        expect(isBefore(expand(coalesce(packets)))).toEqual(isBefore(packets));
      }),
    );
  });

  test('noise goes through unchanged', () => {
    const noise = fc.array(fc.uint8Array({ minLength: 20, maxLength: 90 }), { maxLength: 10 });
    fc.assert(
      fc.property(noise, (packets) => {
        expect(hexOf(expand(coalesce(packets)))).toEqual(hexOf(packets));
      }),
    );
  });
});
