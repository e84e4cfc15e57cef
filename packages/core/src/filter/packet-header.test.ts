import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketHeader } from './packet-header.js';
import { packet } from './testing/packets.js';

const V4 = { source: '100.64.0.1', target: '100.64.0.2' };
const V6 = { source: 'fd7a:115c:a1e0::1', target: 'fd7a:115c:a1e0::2' };
const PAYLOAD = new Uint8Array(128).fill(9);

function read(bytes: Uint8Array, at = 0): PacketHeader | string {
  const header = new PacketHeader();
  return header.read(bytes, at, bytes.length - at) ?? header;
}

/** Six bytes of a hop-by-hop or destination options header of 8 bytes, or 16. */
const options = (units = 0): Uint8Array => new Uint8Array(7 + 8 * units).fill(units, 0, 1);

test.each([
  ['IPv4', packet({ ...V4, protocol: 17, targetPort: 53 }), 20],
  ['IPv6', packet({ ...V6, protocol: 17, targetPort: 53 }), 40],
  ['IPv6 with hop-by-hop', packet({ ...V6, protocol: 17, extensions: [[0, options()]] }), 48],
  [
    'IPv6 with a chain',
    packet({
      ...V6,
      protocol: 17,
      extensions: [
        [0, options()],
        [60, options(1)],
        [43, options()],
        [60, options()],
      ],
    }),
    80,
  ],
])('finds the transport behind %s', (_, bytes, transportAt) => {
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  expect(read(shifted, 3)).toMatchObject({
    protocol: 17,
    transportAt: transportAt + 3,
    end: bytes.length + 3,
    isLaterFragment: false,
    hasPorts: true,
  });
});

test('IPv4 options are passed over, padding behind the packet is none of it', () => {
  const plain = packet({ ...V4, protocol: 6 });
  const bytes = new Uint8Array(plain.length + 4 + 10);
  bytes.set(plain.subarray(0, 20));
  bytes.set(plain.subarray(20), 24);
  bytes[0] = 0x46;
  bytes[3] = plain.length + 4;
  expect(read(bytes)).toMatchObject({ transportAt: 24, end: plain.length + 4 });
});

test.each([
  ['a first fragment as hosts cut it', { moreFragments: true, payload: PAYLOAD }, 'first'],
  ['a later one', { fragmentOffset: 136, payload: PAYLOAD }, 'later'],
  ['the shortest first one', { moreFragments: true, payload: PAYLOAD.subarray(0, 56) }, 'first'],
  [
    'a first one cut inside the header',
    { moreFragments: true, payload: PAYLOAD.subarray(0, 48) },
    'fragment',
  ],
  ['a first one with ports alone', { moreFragments: true }, 'fragment'],
  ['one that overlaps the header', { fragmentOffset: 8, payload: PAYLOAD }, 'fragment'],
  ['one that overlaps the options of TCP', { fragmentOffset: 56, payload: PAYLOAD }, 'fragment'],
  ['the first offset behind every header', { fragmentOffset: 64, payload: PAYLOAD }, 'later'],
] as const)('fragments: %s', (_, fragment, wanted) => {
  for (const addresses of [V4, V6]) {
    const result = read(packet({ ...addresses, protocol: 17, ...fragment }));
    if (wanted === 'fragment') expect(result).toBe('fragment');
    else expect(result).toMatchObject({ isLaterFragment: wanted === 'later' });
  }
});

test('an IPv6 fragment that is whole counts as whole', () => {
  const atomic = packet({ ...V6, protocol: 6, extensions: [[44, new Uint8Array(7)]] });
  expect(read(atomic)).toMatchObject({ protocol: 6, transportAt: 48, isLaterFragment: false });
});

test.each([
  ['no IP', Uint8Array.of(0x50, 1, 2)],
  ['a header length below 20', packet({ ...V4, protocol: 6 }).fill(0x44, 0, 1)],
  ['a header longer than the packet', packet({ ...V4, protocol: 99 }).fill(0x4f, 0, 1)],
  ['a length beyond the packet', packet({ ...V4, protocol: 6 }).fill(41, 3, 4)],
  ['TCP cut short', packet({ ...V4, protocol: 6 }).fill(39, 3, 4)],
  ['UDP cut short', packet({ ...V6, protocol: 17 }).fill(7, 5, 6)],
  ['a source route', packet({ ...V6, protocol: 6, extensions: [[43, options().fill(1, 2, 3)]] })],
  [
    'nine extension headers',
    packet({ ...V6, protocol: 6, extensions: Array.from({ length: 9 }, () => [60, options()]) }),
  ],
  [
    'an extension header beyond the packet',
    packet({ ...V6, protocol: 6, extensions: [[60, options().fill(200, 0, 1)]] }),
  ],
])('%s is malformed', (_, bytes) => {
  expect(read(bytes)).toBe('malformed');
});

test('a packet cut anywhere is malformed, its quotation needs 8 bytes of the transport', () => {
  const wholes = [
    packet({ ...V4, protocol: 6, payload: PAYLOAD }),
    packet({ ...V6, protocol: 17, payload: PAYLOAD, extensions: [[0, options()]] }),
    packet({ ...V4, protocol: 1, payload: PAYLOAD }),
    packet({ ...V6, protocol: 132, moreFragments: true, payload: PAYLOAD }),
  ];
  for (const whole of wholes) {
    const full = new PacketHeader();
    expect(full.read(whole, 0, whole.length)).toBeUndefined();
    for (let length = 0; length < whole.length; length++) {
      expect(new PacketHeader().read(whole, 0, length)).toBe('malformed');
      const quoted = new PacketHeader().read(whole, 0, length, true);
      expect(quoted === undefined).toBe(length >= full.transportAt + 8);
    }
  }
});

test('any bytes are read without a word, and never beyond the packet', () => {
  const bytes = fc.uint8Array({ maxLength: 120 }).map((random) => {
    if (random.length > 0)
      random[0] = ((random[0] ?? 0) & 15) | ((random[0] ?? 0) & 16 ? 0x40 : 0x60);
    return random;
  });
  fc.assert(
    fc.property(bytes, fc.boolean(), (random, isQuoted) => {
      const header = new PacketHeader();
      if (header.read(random, 0, random.length, isQuoted) !== undefined) return;
      expect(header.end).toBeLessThanOrEqual(random.length);
      expect(header.transportAt).toBeLessThanOrEqual(header.end);
      expect(header.targetAt).toBeLessThan(random.length);
    }),
    { numRuns: 2000 },
  );
});
