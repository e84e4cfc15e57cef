/**
 * What the packet filter needs of a packet: protocol, ports, and where fragments hide them.
 *
 *     IPv4: 0 version, header length  2 total length  6 flags, fragment offset  9 protocol  12 source  16 target
 *     IPv6: 0 version  4 payload length  6 next header  8 source  24 target, then extension headers:
 *           hop-by-hop (0), routing (43), destination options (60): next header, length in 8-byte units - 1
 *           fragment (44): next header, 0, offset and flag M, identification
 *     TCP, UDP, SCTP: 0 source port  2 target port   TCP: 13 flags   ICMP: 0 type  4 identifier of an echo
 *
 * A fragment after the first has no ports. It may pass, because without the first one no receiver can use it;
 * what must not pass are fragments that are cut so that a filter and a receiver see different ports: a first
 * one too short for the transport's header, or a later one that overlaps that header.
 *
 * Sources: RFC 791, RFC 8200 sections 3 and 4, RFC 1858 and 3128 (fragments), RFC 5095 (source routes).
 */
import { PROTOCOL } from '../engines/filter-rule.js';

/** Why a packet can't be judged. `fragment`: cut as only an attack does it. */
export type HeaderProblem = 'malformed' | 'fragment';

/** The longest TCP header (60 bytes), in the 8-byte units of fragments: no honest cut comes earlier. */
const FRAGMENT_BYTES_MIN = 64;
/** A packet of a sane sender has one or two; each is one turn of our loop. */
const EXTENSION_HEADERS_MAX = 8;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

const TCP_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const SCTP_HEADER_BYTES = 12;
const ICMP_HEADER_BYTES = 8;

export function readUint16(memory: Uint8Array, at: number): number {
  return ((memory[at] ?? 0) << 8) | (memory[at + 1] ?? 0);
}

/** One packet's header; the same object serves packet after packet. */
export class PacketHeader {
  version = 0;
  /** Of the transport, behind all extension headers. */
  protocol = 0;
  sourceAt = 0;
  targetAt = 0;
  /** Where the transport's header begins. */
  transportAt = 0;
  /** Where the packet ends. */
  end = 0;
  /** True: a fragment after the first, which has no transport header. */
  isLaterFragment = false;

  /**
   * Reads the packet at `memory[at .. at + length)`. Undefined: all fields hold. `isQuoted`: the beginning
   * of a packet as ICMP errors quote it, of which 8 bytes of the transport are enough.
   */
  read(
    memory: Uint8Array,
    at: number,
    length: number,
    isQuoted = false,
  ): HeaderProblem | undefined {
    this.isLaterFragment = false;
    if (length < 1) return 'malformed';
    this.version = (memory[at] ?? 0) >> 4;
    this.end = at + length;
    if (this.version === 4) return this.#readV4(memory, at, length, isQuoted);
    if (this.version === 6) return this.#readV6(memory, at, length, isQuoted);
    return 'malformed';
  }

  /** TCP, UDP or SCTP. */
  get hasPorts(): boolean {
    const { protocol } = this;
    return protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp || protocol === PROTOCOL.sctp;
  }

  #readV4(
    memory: Uint8Array,
    at: number,
    length: number,
    isQuoted: boolean,
  ): HeaderProblem | undefined {
    if (length < IPV4_HEADER_BYTES) return 'malformed';
    const headerBytes = ((memory[at] ?? 0) & 15) * 4;
    const total = readUint16(memory, at + 2);
    if (headerBytes < IPV4_HEADER_BYTES || headerBytes > length) return 'malformed';
    if (!isQuoted) {
      if (total < headerBytes || total > length) return 'malformed';
      this.end = at + total;
    }
    this.protocol = memory[at + 9] ?? 0;
    this.sourceAt = at + 12;
    this.targetAt = at + 16;
    this.transportAt = at + headerBytes;
    const fragment = readUint16(memory, at + 6);
    return this.#judge((fragment & 0x1fff) * 8, (fragment & 0x2000) !== 0, isQuoted);
  }

  #readV6(
    memory: Uint8Array,
    at: number,
    length: number,
    isQuoted: boolean,
  ): HeaderProblem | undefined {
    if (length < IPV6_HEADER_BYTES) return 'malformed';
    const total = IPV6_HEADER_BYTES + readUint16(memory, at + 4);
    if (!isQuoted) {
      if (total > length) return 'malformed';
      this.end = at + total;
    }
    this.sourceAt = at + 8;
    this.targetAt = at + 24;
    let next = memory[at + 6] ?? 0;
    let here = at + IPV6_HEADER_BYTES;
    let offsetBytes = 0;
    let hasMore = false;
    for (let headers = 0; offsetBytes === 0; headers++) {
      const isFragment = next === FRAGMENT;
      const isSkipped = next === HOP_BY_HOP || next === DESTINATION_OPTIONS || next === ROUTING;
      if (!isFragment && !isSkipped) break;
      if (headers >= EXTENSION_HEADERS_MAX || here + 8 > this.end) return 'malformed';
      // A route with stops left means another target than the one that is judged here.
      if (next === ROUTING && memory[here + 3] !== 0) return 'malformed';
      next = memory[here] ?? 0;
      if (isFragment) {
        const fragment = readUint16(memory, here + 2);
        offsetBytes = fragment & 0xfff8;
        hasMore = (fragment & 1) !== 0;
        here += 8;
      } else {
        here += ((memory[here + 1] ?? 0) + 1) * 8;
      }
    }
    if (here > this.end) return 'malformed';
    this.protocol = next;
    this.transportAt = here;
    return this.#judge(offsetBytes, hasMore, isQuoted);
  }

  #judge(offsetBytes: number, hasMore: boolean, isQuoted: boolean): HeaderProblem | undefined {
    const bytes = this.end - this.transportAt;
    if (offsetBytes > 0) {
      this.isLaterFragment = true;
      return offsetBytes < FRAGMENT_BYTES_MIN ? 'fragment' : undefined;
    }
    if (isQuoted) return bytes < 8 ? 'malformed' : undefined;
    if (hasMore && bytes < FRAGMENT_BYTES_MIN) return 'fragment';
    return bytes < transportBytesMin(this.protocol) ? 'malformed' : undefined;
  }
}

function transportBytesMin(protocol: number): number {
  switch (protocol) {
    case PROTOCOL.tcp:
      return TCP_HEADER_BYTES;
    case PROTOCOL.udp:
      return UDP_HEADER_BYTES;
    case PROTOCOL.sctp:
      return SCTP_HEADER_BYTES;
    case PROTOCOL.icmp:
    case PROTOCOL.icmpv6:
      return ICMP_HEADER_BYTES;
    default:
      return 0;
  }
}
