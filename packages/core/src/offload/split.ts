/**
 * From one read of a TUN device with offload to packets as they travel: a super-packet of up to 64 KB becomes
 * segments of TCP or UDP, and a packet whose checksum the kernel left to us gets it.
 *
 *     begin(read) -> fill() -> slots full? hand them on, fill() again -> false: begin the next read
 *
 * Every segment is a packet of its own: headers of the whole, but IP length and id, IP and transport checksum,
 * and TCP sequence are its own; FIN and PSH stay on the last, CWR on the first. How the kernel does it:
 * tcp_gso_segment and __udp_gso_segment of Linux; RFC 3168 section 6.1.2 for CWR.
 *
 * The kernel is trusted no further than a peer: what doesn't fit together is refused, with a reason.
 */
import { viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { foldSum, type InternetChecksum } from './checksum.js';
import {
  CWR,
  FIN,
  IPV4_AT,
  IPV4_HEADER_BYTES,
  IPV6_AT,
  IPV6_HEADER_BYTES,
  ipv6HeaderBytes,
  PSH,
  RST,
  SYN,
  TCP,
  TCP_AT,
  TCP_HEADER_BYTES,
  UDP,
  UDP_AT,
  UDP_HEADER_BYTES,
} from './headers.js';
import type { SegmentSlots } from './slots.js';
import {
  GSO,
  GSO_TYPE_MASK,
  NEEDS_CHECKSUM,
  VIRTIO_AT,
  VIRTIO_HEADER_BYTES,
} from './virtio-header.js';

export type SplitFault =
  | 'split-short'
  | 'split-gso-type'
  | 'split-gso-size'
  | 'split-checksum-place'
  | 'split-ip-header'
  | 'split-ip-length'
  | 'split-ip-fragment'
  | 'split-transport-header'
  | 'split-tcp-flags'
  | 'split-too-large';

type Refusal = DecodeFailure<SplitFault> | undefined;

/** Bytes of the longest read: a virtio header and an IPv6 header with as much behind it as its length can say. */
export const READ_BYTES_MAX = VIRTIO_HEADER_BYTES + IPV6_HEADER_BYTES + 65_535;

/** FIN and PSH belong to the last segment. */
const LAST_FLAGS = FIN | PSH;

export class SuperPacketSplitter {
  readonly #view: DataView;
  readonly #checksum: InternetChecksum;
  readonly #slots: SegmentSlots;

  /** Of the packet under way: TCP, UDP, or 0 for one that stays whole. */
  #protocol = 0;
  #isV4 = false;
  /** Where it begins, where its next payload begins, and where it ends. */
  #at = 0;
  #payloadAt = 0;
  #end = 0;
  /** False: nothing is left of it. */
  #isOpen = false;
  /** Bytes before the transport, and before the payload. */
  #ipBytes = 0;
  #headerBytes = 0;
  #gsoSize = 0;
  /** Unfolded sums of what all segments share. */
  #ipSum = 0;
  #transportSum = 0;
  /** The next segment's. */
  #id = 0;
  #seq = 0;
  /** TCP's data offset and flags; CWR goes after the first. */
  #flagsWord = 0;
  /** Whole packets: where the sum to fill in starts, and where it belongs; 0 and 0: nowhere. */
  #checksumStart = 0;
  #checksumAt = 0;

  /** Super-packets and slots lie in the same `memory`, which `checksum` works on. */
  constructor(memory: Uint8Array, checksum: InternetChecksum, slots: SegmentSlots) {
    this.#view = viewOf(memory);
    this.#checksum = checksum;
    this.#slots = slots;
  }

  /**
   * Takes up what one read put at `headerAt`: a virtio header and a packet, `length` bytes in all. They must stay
   * until {@link fill} answers false. A failure: there is nothing to fill.
   */
  begin(headerAt: number, length: number): Refusal {
    this.#isOpen = false;
    if (length < VIRTIO_HEADER_BYTES + IPV4_HEADER_BYTES) return fail('split-short');
    if (length > READ_BYTES_MAX) return fail('split-too-large');
    this.#at = headerAt + VIRTIO_HEADER_BYTES;
    this.#end = headerAt + length;
    const view = this.#view;
    const gsoType = view.getUint8(headerAt + VIRTIO_AT.gsoType) & GSO_TYPE_MASK;
    const refusal =
      gsoType === GSO.none ? this.#beginWhole(headerAt) : this.#beginGroup(headerAt, gsoType);
    this.#isOpen = refusal === undefined;
    return refusal;
  }

  /** Writes packets into free slots. True: all slots are taken and more is to come. */
  fill(): boolean {
    if (!this.#isOpen) return false;
    return this.#protocol === 0 ? this.#fillWhole() : this.#fillSegments();
  }

  #beginWhole(headerAt: number): Refusal {
    const length = this.#end - this.#at;
    if (length > this.#slots.packetBytesMax) return fail('split-too-large');
    this.#protocol = 0;
    this.#checksumStart = 0;
    this.#checksumAt = 0;
    const view = this.#view;
    if ((view.getUint8(headerAt + VIRTIO_AT.flags) & NEEDS_CHECKSUM) === 0) return undefined;
    const start = view.getUint16(headerAt + VIRTIO_AT.checksumStart, true);
    const offset = view.getUint16(headerAt + VIRTIO_AT.checksumOffset, true);
    if (start < IPV4_HEADER_BYTES || start + offset + 2 > length) {
      return fail('split-checksum-place');
    }
    this.#checksumStart = start;
    this.#checksumAt = start + offset;
    return undefined;
  }

  #fillWhole(): boolean {
    const slots = this.#slots;
    if (slots.count === slots.capacity) return true;
    const to = slots.offsets[slots.count] ?? 0;
    const at = this.#at;
    const start = this.#checksumStart;
    const length = this.#end - at;
    if (start > 0) this.#checksum.copy(to, at, start, 0);
    const sum = this.#checksum.copy(to + start, at + start, length - start, 0);
    // 0 would mean "no checksum" in UDP; elsewhere 0xffff is as good.
    if (start > 0) this.#view.setUint16(to + this.#checksumAt, ~sum & 0xffff || 0xffff);
    slots.lengths[slots.count] = length;
    slots.count++;
    this.#isOpen = false;
    return false;
  }

  #beginGroup(headerAt: number, gsoType: number): Refusal {
    const view = this.#view;
    const at = this.#at;
    const protocol = gsoType === GSO.udp ? UDP : TCP;
    if (gsoType !== GSO.udp && gsoType !== GSO.tcpV4 && gsoType !== GSO.tcpV6) {
      return fail('split-gso-type');
    }
    const version = view.getUint8(at) >> 4;
    if (gsoType !== GSO.udp && version !== (gsoType === GSO.tcpV4 ? 4 : 6)) {
      return fail('split-ip-header');
    }
    this.#isV4 = version === 4;
    const refusal =
      version === 4 ? this.#readV4(protocol) : version === 6 ? this.#readV6(protocol) : NO_IP;
    if (refusal !== undefined) return refusal;
    const beyond = protocol === TCP ? this.#readTcp() : this.#readUdp();
    if (beyond !== undefined) return beyond;
    this.#protocol = protocol;
    this.#payloadAt = at + this.#headerBytes;
    const checksumOffset = protocol === TCP ? TCP_AT.checksum : UDP_AT.checksum;
    if ((view.getUint8(headerAt + VIRTIO_AT.flags) & NEEDS_CHECKSUM) !== 0) {
      const start = view.getUint16(headerAt + VIRTIO_AT.checksumStart, true);
      const offset = view.getUint16(headerAt + VIRTIO_AT.checksumOffset, true);
      if (start !== this.#ipBytes || offset !== checksumOffset) return fail('split-checksum-place');
    }
    this.#gsoSize = view.getUint16(headerAt + VIRTIO_AT.gsoSize, true);
    if (this.#gsoSize === 0) return fail('split-gso-size');
    const largest = Math.min(this.#gsoSize, this.#end - this.#payloadAt);
    if (this.#headerBytes + largest > this.#slots.packetBytesMax) return fail('split-too-large');
    return undefined;
  }

  #readV4(protocol: number): Refusal {
    const view = this.#view;
    const at = this.#at;
    const length = this.#end - at;
    const ipBytes = (view.getUint8(at) & 15) * 4;
    if (ipBytes < IPV4_HEADER_BYTES || ipBytes > length) return fail('split-ip-header');
    if (view.getUint16(at + IPV4_AT.length) !== length) return fail('split-ip-length');
    if ((view.getUint16(at + IPV4_AT.fragment) & 0x3fff) !== 0) return fail('split-ip-fragment');
    if (view.getUint8(at + IPV4_AT.protocol) !== protocol) return fail('split-transport-header');
    this.#ipBytes = ipBytes;
    this.#id = view.getUint16(at + IPV4_AT.id);
    this.#ipSum =
      this.#checksum.sum(at, ipBytes, 0) +
      without(length) +
      without(this.#id) +
      without(view.getUint16(at + IPV4_AT.checksum));
    this.#transportSum = this.#checksum.sum(at + IPV4_AT.source, 8, protocol);
    return undefined;
  }

  #readV6(protocol: number): Refusal {
    const view = this.#view;
    const at = this.#at;
    const length = this.#end - at;
    if (length < IPV6_HEADER_BYTES) return fail('split-ip-header');
    if (view.getUint16(at + IPV6_AT.length) !== length - IPV6_HEADER_BYTES) {
      return fail('split-ip-length');
    }
    this.#ipBytes = ipv6HeaderBytes(view, at, this.#end, protocol);
    if (this.#ipBytes === 0) return fail('split-ip-header');
    this.#transportSum = this.#checksum.sum(at + IPV6_AT.source, 32, protocol);
    return undefined;
  }

  #readTcp(): Refusal {
    const view = this.#view;
    const tcpAt = this.#at + this.#ipBytes;
    if (tcpAt + TCP_HEADER_BYTES > this.#end) return fail('split-transport-header');
    const tcpBytes = (view.getUint8(tcpAt + TCP_AT.dataOffset) >> 4) * 4;
    if (tcpBytes < TCP_HEADER_BYTES || tcpAt + tcpBytes > this.#end) {
      return fail('split-transport-header');
    }
    const word = view.getUint16(tcpAt + TCP_AT.dataOffset);
    if ((word & (SYN | RST)) !== 0) return fail('split-tcp-flags');
    this.#flagsWord = word;
    this.#seq = view.getInt32(tcpAt + TCP_AT.seq);
    this.#headerBytes = this.#ipBytes + tcpBytes;
    this.#transportSum +=
      this.#checksum.sum(tcpAt, tcpBytes, 0) +
      without(word) +
      without(this.#seq & 0xffff) +
      without(this.#seq >>> 16) +
      without(view.getUint16(tcpAt + TCP_AT.checksum));
    return undefined;
  }

  #readUdp(): Refusal {
    const udpAt = this.#at + this.#ipBytes;
    if (udpAt + UDP_HEADER_BYTES > this.#end) return fail('split-transport-header');
    this.#headerBytes = this.#ipBytes + UDP_HEADER_BYTES;
    this.#transportSum += this.#checksum.sum(udpAt, UDP_AT.length, 0);
    return undefined;
  }

  #fillSegments(): boolean {
    const view = this.#view;
    const checksum = this.#checksum;
    const slots = this.#slots;
    const { offsets, lengths, capacity } = slots;
    const headerBytes = this.#headerBytes;
    const end = this.#end;
    let payloadAt = this.#payloadAt;
    let count = slots.count;
    let isLast = false;
    while (!isLast && count < capacity) {
      const to = offsets[count] ?? 0;
      const left = end - payloadAt;
      isLast = left <= this.#gsoSize;
      const bytes = isLast ? left : this.#gsoSize;
      checksum.copy(to, this.#at, headerBytes, 0);
      if (this.#isV4) this.#numberV4(to, headerBytes + bytes);
      else view.setUint16(to + IPV6_AT.length, headerBytes + bytes - IPV6_HEADER_BYTES);
      const transportAt = to + this.#ipBytes;
      const transportBytes = headerBytes - this.#ipBytes + bytes;
      if (this.#protocol === TCP) {
        const initial = this.#numberTcp(transportAt, transportBytes, bytes, isLast);
        const sum = checksum.copy(to + headerBytes, payloadAt, bytes, initial);
        view.setUint16(transportAt + TCP_AT.checksum, ~sum);
      } else {
        view.setUint16(transportAt + UDP_AT.length, transportBytes);
        // The length counts twice: in the header and in the pseudo header.
        const initial = this.#transportSum + 2 * transportBytes;
        const sum = checksum.copy(to + headerBytes, payloadAt, bytes, initial);
        view.setUint16(transportAt + UDP_AT.checksum, ~sum & 0xffff || 0xffff);
      }
      lengths[count++] = headerBytes + bytes;
      payloadAt += bytes;
    }
    slots.count = count;
    this.#payloadAt = payloadAt;
    this.#isOpen = !isLast;
    return !isLast;
  }

  #numberV4(to: number, length: number): void {
    const view = this.#view;
    const id = this.#id;
    view.setUint16(to + IPV4_AT.length, length);
    view.setUint16(to + IPV4_AT.id, id);
    view.setUint16(to + IPV4_AT.checksum, ~foldSum(this.#ipSum + length + id));
    this.#id = (id + 1) & 0xffff;
  }

  /** Answers the unfolded sum of all but the payload. */
  #numberTcp(tcpAt: number, tcpBytes: number, payloadBytes: number, isLast: boolean): number {
    const view = this.#view;
    const seq = this.#seq;
    const word = isLast ? this.#flagsWord : this.#flagsWord & ~LAST_FLAGS;
    view.setInt32(tcpAt + TCP_AT.seq, seq);
    view.setUint16(tcpAt + TCP_AT.dataOffset, word);
    this.#seq = (seq + payloadBytes) | 0;
    this.#flagsWord &= ~CWR;
    return this.#transportSum + tcpBytes + word + (seq & 0xffff) + (seq >>> 16);
  }
}

const NO_IP = fail('split-ip-header');

/** What takes `word` out of a one's complement sum. */
function without(word: number): number {
  return ~word & 0xffff;
}
