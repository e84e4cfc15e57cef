/**
 * Whole, true IP packets for tests of offloading, made and read the slow and obvious way, so that what the
 * fast code does can be held against something.
 */
import fc from 'fast-check';
import { concatBytes } from '../../base/bytes.js';

/** One's complement addition, word by word; folded, not inverted. */
export function naiveSum(bytes: Uint8Array, initial = 0): number {
  let sum = BigInt(initial);
  for (let i = 0; i < bytes.length; i += 2) {
    sum += BigInt(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  }
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum);
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;
export const ECE = 64;
export const CWR = 128;

/** What makes a packet; defaults give a plain data segment of TCP over IPv4. */
export interface PacketShape {
  readonly version?: 4 | 6;
  readonly protocol?: 'tcp' | 'udp';
  /** Last byte of the addresses, and the ports. */
  readonly source?: number;
  readonly target?: number;
  readonly sourcePort?: number;
  readonly targetPort?: number;
  /** Type of service, or traffic class. */
  readonly tos?: number;
  readonly ttl?: number;
  readonly id?: number;
  /** IPv4: flags and fragment offset as they lie in the header; default: don't fragment. */
  readonly fragment?: number;
  readonly flowLabel?: number;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly ipOptions?: Uint8Array;
  /** IPv6: an extension header of destination options, 8 bytes. */
  readonly hasExtension?: boolean;
  readonly seq?: number;
  readonly ack?: number;
  readonly flags?: number;
  readonly window?: number;
  /** TCP options, a multiple of 4 bytes. */
  readonly tcpOptions?: Uint8Array;
  readonly payload?: Uint8Array;
  /** What the kernel leaves to us: the pseudo header's sum instead of the checksum. */
  readonly isPartial?: boolean;
}

const NO_BYTES = new Uint8Array(0);
const uint16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value);
const uint32 = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

function addressOf(version: 4 | 6, last: number): Uint8Array {
  const bytes = new Uint8Array(version === 4 ? 4 : 16);
  bytes.set(version === 4 ? [100, 64, 0] : [0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0]);
  bytes[bytes.length - 1] = last;
  return bytes;
}

function transportOf(shape: PacketShape): Uint8Array {
  const { protocol = 'tcp', payload = NO_BYTES, tcpOptions = NO_BYTES } = shape;
  const ports = [uint16(shape.sourcePort ?? 5201), uint16(shape.targetPort ?? 40_000)];
  if (protocol === 'udp')
    return concatBytes(...ports, uint16(8 + payload.length), uint16(0), payload);
  return concatBytes(
    ...ports,
    uint32(shape.seq ?? 1000),
    uint32(shape.ack ?? 2000),
    Uint8Array.of((5 + tcpOptions.length / 4) << 4, shape.flags ?? ACK),
    uint16(shape.window ?? 512),
    uint32(0),
    tcpOptions,
    payload,
  );
}

/** The packet with all lengths and checksums right. */
export function packetOf(shape: PacketShape): Uint8Array {
  const { version = 4, protocol = 'tcp', ipOptions = NO_BYTES, hasExtension = false } = shape;
  const number = protocol === 'tcp' ? 6 : 17;
  const addresses = concatBytes(
    addressOf(version, shape.source ?? 1),
    addressOf(version, shape.target ?? 2),
  );
  const transport = transportOf(shape);
  const pseudo = naiveSum(concatBytes(addresses, uint16(number)), transport.length);
  const sum = shape.isPartial === true ? pseudo : ~naiveSum(transport, pseudo) & 0xffff;
  transport.set(
    uint16(protocol === 'udp' && sum === 0 ? 0xffff : sum),
    protocol === 'tcp' ? 16 : 6,
  );
  if (version === 6) {
    const extension = hasExtension ? Uint8Array.of(number, 0, 1, 4, 0, 0, 0, 0) : NO_BYTES;
    const first = (6 << 28) | ((shape.tos ?? 0) << 20) | (shape.flowLabel ?? 0);
    return concatBytes(
      uint32(first),
      uint16(extension.length + transport.length),
      Uint8Array.of(hasExtension ? 60 : number, shape.ttl ?? 64),
      addresses,
      extension,
      transport,
    );
  }
  const header = concatBytes(
    Uint8Array.of(0x45 + ipOptions.length / 4, shape.tos ?? 0),
    uint16(20 + ipOptions.length + transport.length),
    uint16(shape.id ?? 7),
    uint16(shape.fragment ?? 0x4000),
    Uint8Array.of(shape.ttl ?? 64, number, 0, 0),
    addresses,
    ipOptions,
  );
  header.set(uint16(~naiveSum(header) & 0xffff), 10);
  return concatBytes(header, transport);
}

/** Bytes that differ from place to place, so that a wrong copy shows. */
export function payloadOf(bytes: number, seed = 1): Uint8Array {
  const payload = new Uint8Array(bytes);
  let state = seed;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    payload[i] = state >>> 16;
  }
  return payload;
}

/** What a read of the device gives: a virtio header, then the packet. */
export interface ReadShape {
  readonly flags?: number;
  readonly gsoType: number;
  readonly gsoSize?: number;
  readonly checksumStart?: number;
  readonly checksumOffset?: number;
  readonly packet: Uint8Array;
}

export function readOf(shape: ReadShape): Uint8Array {
  const header = new Uint8Array(10);
  const view = new DataView(header.buffer);
  view.setUint8(0, shape.flags ?? 1);
  view.setUint8(1, shape.gsoType);
  view.setUint16(4, shape.gsoSize ?? 0, true);
  view.setUint16(6, shape.checksumStart ?? 0, true);
  view.setUint16(8, shape.checksumOffset ?? 0, true);
  return concatBytes(header, shape.packet);
}

/** Bytes of the headers of `shape`: of IP, and of IP with the transport. */
export function headerBytesOf(shape: PacketShape): { ip: number; all: number } {
  const ip =
    shape.version === 6
      ? 40 + (shape.hasExtension === true ? 8 : 0)
      : 20 + (shape.ipOptions?.length ?? 0);
  const transport = shape.protocol === 'udp' ? 8 : 20 + (shape.tcpOptions?.length ?? 0);
  return { ip, all: ip + transport };
}

/** The super-packet of `shape` as the kernel hands it over, to be cut every `gsoSize` bytes. */
export function superPacketOf(shape: PacketShape, gsoSize: number): Uint8Array {
  const isUdp = shape.protocol === 'udp';
  return readOf({
    gsoType: isUdp ? 5 : shape.version === 6 ? 4 : 1,
    gsoSize,
    checksumStart: headerBytesOf(shape).ip,
    checksumOffset: isUdp ? 6 : 16,
    packet: packetOf({ ...shape, isPartial: true }),
  });
}

/** The packets that a super-packet of `shape` stands for, each built on its own. */
export function segmentsOf(shape: PacketShape, gsoSize: number): Uint8Array[] {
  const { payload = NO_BYTES, flags = ACK, id = 7, seq = 1000 } = shape;
  const count = Math.max(1, Math.ceil(payload.length / gsoSize));
  return Array.from({ length: count }, (_, i) => {
    const isLast = i === count - 1;
    return packetOf({
      ...shape,
      id: (id + i) & 0xffff,
      seq: (seq + i * gsoSize) >>> 0,
      flags: flags & (isLast ? 0xff : ~(FIN | PSH)) & (i === 0 ? 0xff : ~CWR),
      payload: payload.slice(i * gsoSize, (i + 1) * gsoSize),
    });
  });
}

/** Any shape that splits and coalesces; the payload is left to the test. */
export const anyShape: fc.Arbitrary<PacketShape> = fc.record({
  version: fc.constantFrom(4, 6),
  protocol: fc.constantFrom('tcp', 'udp'),
  source: fc.nat(255),
  target: fc.nat(255),
  sourcePort: fc.nat(0xffff),
  targetPort: fc.nat(0xffff),
  tos: fc.nat(0xff),
  ttl: fc.integer({ min: 1, max: 255 }),
  id: fc.nat(0xffff),
  fragment: fc.constantFrom(0, 0x4000),
  flowLabel: fc.nat(0xfffff),
  seq: fc.oneof(fc.nat(0xffff_ffff), fc.integer({ min: 0xffff_0000, max: 0xffff_ffff })),
  ack: fc.nat(0xffff_ffff),
  flags: fc.constantFrom(ACK, ACK | PSH, ACK | ECE, ACK | ECE | PSH),
  window: fc.nat(0xffff),
  tcpOptions: fc
    .nat(10)
    .chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words })),
});
