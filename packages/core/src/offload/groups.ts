/**
 * Packets on their way to the kernel, in order, some of them joined to super-packets: one record of numbers per
 * group, and a list of the payloads that follow its first packet.
 *
 *     group: first packet, whole ------> piece: payload -> piece: payload -> ...
 *
 * A group is finished where it lies when it goes out: its first packet's headers are made those of the whole,
 * and the virtio header takes the 10 bytes before it.
 *
 * Source of what the kernel wants: virtio-header.ts; Linux, drivers/net/tun.c.
 */
import { viewOf } from '../base/bytes.js';
import type { InternetChecksum } from './checksum.js';
import {
  IPV4_AT,
  IPV4_HEADER_BYTES,
  IPV6_AT,
  IPV6_HEADER_BYTES,
  TCP,
  TCP_AT,
  UDP,
  UDP_AT,
} from './headers.js';
import { GSO, VIRTIO_HEADER_BYTES, writeGroupHeader, writePlainHeader } from './virtio-header.js';

/** Takes what the kernel is to get in one write each, as places in the memory that all share. */
export interface GroupSink {
  /** The next bytes of this write; the first ones begin with a virtio header. */
  piece(at: number, length: number): void;
  /** The write is complete. */
  end(): void;
}

/** Packets that wait for one flush: 32 KB of records, and as many as 8 full super-packets. */
export const PENDING_PACKETS_MAX = 512;
/** A packet's length has 16 bits, in IPv4 with its header, and the kernel counts the same way. */
export const GROUP_BYTES_MAX = 65_535;
/** What Linux takes as one super-packet of UDP (UDP_MAX_SEGMENTS before 6.9). */
export const UDP_SEGMENTS_MAX = 64;
/** Of TCP the kernel takes more; a write of 128 pieces costs less than a packet each already. */
export const TCP_SEGMENTS_MAX = 128;

/** A record's fields. `version` and `protocol` of the flow; `seq` is the next one, TCP's. */
export const GROUP = {
  at: 0,
  firstBytes: 1,
  bytes: 2,
  count: 3,
  version: 4,
  protocol: 5,
  headerBytes: 6,
  /** Of the first payload: all but the last are as long. */
  size: 7,
  seq: 8,
  /** TCP flags of the last segment. */
  flags: 9,
  head: 10,
  tail: 11,
} as const;

const GROUP_FIELDS = 16;
const NO_PIECE = -1;

export class Groups {
  readonly #view: DataView;
  readonly #checksum: InternetChecksum;
  /** {@link GROUP_FIELDS} numbers a group; a group is named by where its record begins. */
  readonly records = new Int32Array(PENDING_PACKETS_MAX * GROUP_FIELDS);
  readonly #pieceAt = new Int32Array(PENDING_PACKETS_MAX);
  readonly #pieceBytes = new Int32Array(PENDING_PACKETS_MAX);
  readonly #pieceNext = new Int32Array(PENDING_PACKETS_MAX);
  #end = 0;
  #pieces = 0;

  constructor(memory: Uint8Array, checksum: InternetChecksum) {
    this.#view = viewOf(memory);
    this.#checksum = checksum;
  }

  /** False: emit first, then add. */
  get hasRoom(): boolean {
    return this.#end < this.records.length && this.#pieces < PENDING_PACKETS_MAX;
  }

  /** A packet behind all others; answers its group. Its fields for joining are the caller's to fill. */
  start(at: number, length: number): number {
    const { records } = this;
    const group = this.#end;
    records[group + GROUP.at] = at;
    records[group + GROUP.firstBytes] = length;
    records[group + GROUP.bytes] = length;
    records[group + GROUP.count] = 1;
    records[group + GROUP.head] = NO_PIECE;
    this.#end = group + GROUP_FIELDS;
    return group;
  }

  /** Puts a payload behind those of `group`. */
  append(group: number, at: number, length: number): void {
    const { records } = this;
    const piece = this.#pieces++;
    this.#pieceAt[piece] = at;
    this.#pieceBytes[piece] = length;
    this.#pieceNext[piece] = NO_PIECE;
    if (records[group + GROUP.head] === NO_PIECE) records[group + GROUP.head] = piece;
    else this.#pieceNext[records[group + GROUP.tail] ?? 0] = piece;
    records[group + GROUP.tail] = piece;
    records[group + GROUP.bytes] = (records[group + GROUP.bytes] ?? 0) + length;
    records[group + GROUP.count] = (records[group + GROUP.count] ?? 0) + 1;
  }

  /** Hands over all groups in the order in which they began, and forgets them. */
  emit(sink: GroupSink): void {
    const { records } = this;
    const end = this.#end;
    for (let group = 0; group < end; group += GROUP_FIELDS) {
      const headerAt = (records[group + GROUP.at] ?? 0) - VIRTIO_HEADER_BYTES;
      if (records[group + GROUP.count] === 1) writePlainHeader(this.#view, headerAt);
      else this.#finish(group, headerAt);
      sink.piece(headerAt, VIRTIO_HEADER_BYTES + (records[group + GROUP.firstBytes] ?? 0));
      let piece = records[group + GROUP.head] ?? NO_PIECE;
      while (piece !== NO_PIECE) {
        sink.piece(this.#pieceAt[piece] ?? 0, this.#pieceBytes[piece] ?? 0);
        piece = this.#pieceNext[piece] ?? NO_PIECE;
      }
      sink.end();
    }
    this.#end = 0;
    this.#pieces = 0;
  }

  /** Makes the first packet's headers those of all of `group`. */
  #finish(group: number, headerAt: number): void {
    const { records } = this;
    const view = this.#view;
    const at = records[group + GROUP.at] ?? 0;
    const bytes = records[group + GROUP.bytes] ?? 0;
    const headerBytes = records[group + GROUP.headerBytes] ?? 0;
    const isV4 = records[group + GROUP.version] === 4;
    const isUdp = records[group + GROUP.protocol] === UDP;
    const ipBytes = isV4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    const transportAt = at + ipBytes;
    const transportBytes = bytes - ipBytes;
    let pseudo: number;
    if (isV4) {
      view.setUint16(at + IPV4_AT.length, bytes);
      view.setUint16(at + IPV4_AT.checksum, 0);
      view.setUint16(at + IPV4_AT.checksum, ~this.#checksum.sum(at, IPV4_HEADER_BYTES, 0));
      pseudo = this.#checksum.sum(at + IPV4_AT.source, 8, transportBytes + (isUdp ? UDP : TCP));
    } else {
      view.setUint16(at + IPV6_AT.length, transportBytes);
      pseudo = this.#checksum.sum(at + IPV6_AT.source, 32, transportBytes + (isUdp ? UDP : TCP));
    }
    const checksumAt = isUdp ? UDP_AT.checksum : TCP_AT.checksum;
    if (isUdp) view.setUint16(transportAt + UDP_AT.length, transportBytes);
    else view.setUint8(transportAt + TCP_AT.flags, records[group + GROUP.flags] ?? 0);
    view.setUint16(transportAt + checksumAt, pseudo);
    const gsoType = isUdp ? GSO.udp : isV4 ? GSO.tcpV4 : GSO.tcpV6;
    const size = records[group + GROUP.size] ?? 0;
    writeGroupHeader(view, headerAt, gsoType, headerBytes, size, ipBytes, checksumAt);
  }
}
