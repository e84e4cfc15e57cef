/**
 * From packets as they came to few large writes: consecutive segments of a TCP flow, and equal datagrams of a
 * UDP flow, become one super-packet that the kernel takes at the cost of one packet.
 *
 *     add(packet) -- ours to join? --no--> alone, behind all others; its flow's group takes no more
 *          |yes
 *          +-- fits the flow's open group? --yes--> its payload joins     --no--> begins a new group
 *     flush() -> every group to the sink, in the order in which they began
 *
 * A flow's order never changes: a group that something of its flow came after never takes another packet. What
 * joins is verified first, because the kernel believes the checksums of a super-packet. What is odd (options or
 * extension headers of IP, fragments, other flags than ACK, PSH and ECE, a wrong checksum) goes alone, and
 * unchanged. Headers must be equal but for lengths, ids, sequence and checksums, so that cutting the super-packet
 * again gives what came.
 *
 * How the kernel does it: tcp_gro_receive and udp_gro_receive of Linux.
 */
import { assert } from '../base/assert.js';
import { viewOf } from '../base/bytes.js';
import { foldSum, type InternetChecksum } from './checksum.js';
import {
  GROUP,
  GROUP_BYTES_MAX,
  type GroupSink,
  Groups,
  TCP_SEGMENTS_MAX,
  UDP_SEGMENTS_MAX,
} from './groups.js';
import {
  ACK,
  areEqualWords,
  ECE,
  ICMPV6,
  IPV4_AT,
  IPV4_HEADER_BYTES,
  IPV6_AT,
  IPV6_HEADER_BYTES,
  PSH,
  TCP,
  TCP_AT,
  TCP_HEADER_BYTES,
  UDP,
  UDP_AT,
  UDP_HEADER_BYTES,
} from './headers.js';
import { NONE, OpenFlows } from './open-flows.js';
import { VIRTIO_HEADER_BYTES } from './virtio-header.js';

const DONT_FRAGMENT = 0x4000;
/** Flags and reserved bits that must not be set, in TCP's word of data offset and flags. */
const ODD_FLAGS = 0x0fff & ~(PSH | ECE);
/** Version 4 and a header without options. */
const PLAIN_V4 = 0x45;

export class Coalescer {
  readonly #view: DataView;
  readonly #checksum: InternetChecksum;
  readonly #groups: Groups;
  readonly #records: Int32Array;
  readonly #sink: GroupSink;
  readonly #joinsUdp: boolean;
  readonly #flows: OpenFlows;

  /** `joinsUdp`: the device took the offload of UDP segmentation. */
  constructor(
    memory: Uint8Array,
    checksum: InternetChecksum,
    sink: GroupSink,
    options: { readonly joinsUdp: boolean },
  ) {
    this.#view = viewOf(memory);
    this.#checksum = checksum;
    this.#groups = new Groups(memory, checksum);
    this.#records = this.#groups.records;
    this.#flows = new OpenFlows(this.#view, this.#records);
    this.#sink = sink;
    this.#joinsUdp = options.joinsUdp;
  }

  /**
   * One IP packet, which must stay until {@link flush} together with the 10 bytes before it: those, and the
   * headers of the packet, may be overwritten. Flushes by itself when it is full.
   */
  add(at: number, length: number): void {
    assert(at >= VIRTIO_HEADER_BYTES, 'a virtio header fits before the packet');
    if (!this.#groups.hasRoom) this.flush();
    const version = length < IPV4_HEADER_BYTES ? 0 : this.#view.getUint8(at) >> 4;
    if (version === 4) this.#addV4(at, length);
    else if (version === 6 && length >= IPV6_HEADER_BYTES) this.#addV6(at, length);
    else this.#groups.start(at, length);
  }

  /** Hands everything to the sink. */
  flush(): void {
    this.#groups.emit(this.#sink);
    this.#flows.clear();
  }

  #addV4(at: number, length: number): void {
    const view = this.#view;
    const fragment = view.getUint16(at + IPV4_AT.fragment) & ~DONT_FRAGMENT;
    const isPlain =
      view.getUint8(at) === PLAIN_V4 &&
      view.getUint16(at + IPV4_AT.length) === length &&
      fragment === 0;
    const protocol = view.getUint8(at + IPV4_AT.protocol);
    if (!isPlain) this.#addOdd(at, length, 4, IPV4_AT.source, 8);
    else if (protocol === TCP) this.#addTcp(at, length, 4, IPV4_HEADER_BYTES);
    else if (protocol === UDP) this.#addUdp(at, length, 4, IPV4_HEADER_BYTES);
    else this.#groups.start(at, length);
  }

  #addV6(at: number, length: number): void {
    const view = this.#view;
    const isWhole = view.getUint16(at + IPV6_AT.length) === length - IPV6_HEADER_BYTES;
    const protocol = isWhole ? view.getUint8(at + IPV6_AT.next) : 0;
    if (protocol === TCP) this.#addTcp(at, length, 6, IPV6_HEADER_BYTES);
    else if (protocol === UDP) this.#addUdp(at, length, 6, IPV6_HEADER_BYTES);
    else if (protocol === ICMPV6) this.#groups.start(at, length);
    else this.#addOdd(at, length, 6, IPV6_AT.source, 32);
  }

  /** A packet whose ports don't show: it may belong to any flow between its addresses, so it parts all of them. */
  #addOdd(at: number, length: number, version: number, offset: number, bytes: number): void {
    this.#flows.closeBetween(at, version, offset, bytes);
    this.#groups.start(at, length);
  }

  #addTcp(at: number, length: number, version: number, ipBytes: number): void {
    const view = this.#view;
    const tcpAt = at + ipBytes;
    if (length < ipBytes + TCP_HEADER_BYTES) {
      this.#addShort(at, length, version, ipBytes);
      return;
    }
    const hash = this.#hashOf(tcpAt, TCP);
    const open = this.#flows.find(hash, at, version, TCP, ipBytes);
    const word = view.getUint16(tcpAt + TCP_AT.dataOffset);
    const headerBytes = ipBytes + (word >> 12) * 4;
    const payloadBytes = length - headerBytes;
    const isPlain = (word & ODD_FLAGS) === ACK && headerBytes >= ipBytes + TCP_HEADER_BYTES;
    if (!isPlain || payloadBytes <= 0 || !this.#isIntact(at, length, version, TCP)) {
      if (open !== NONE) this.#flows.close(open);
      this.#groups.start(at, length);
      return;
    }
    const records = this.#records;
    const seq = view.getInt32(tcpAt + TCP_AT.seq);
    const isPushed = (word & PSH) !== 0;
    if (open !== NONE) {
      const group = this.#flows.groupAt(open);
      const joins =
        records[group + GROUP.seq] === seq &&
        records[group + GROUP.headerBytes] === headerBytes &&
        this.#hasRoom(group, payloadBytes, TCP_SEGMENTS_MAX) &&
        this.#hasSameIp(group, at, version) &&
        this.#hasSameTcp(group, tcpAt, ipBytes, headerBytes - ipBytes);
      if (joins) {
        this.#groups.append(group, at + headerBytes, payloadBytes);
        records[group + GROUP.seq] = (seq + payloadBytes) | 0;
        records[group + GROUP.flags] = word & 0xff;
        if (isPushed || payloadBytes < (records[group + GROUP.size] ?? 0)) this.#flows.close(open);
        return;
      }
      this.#flows.close(open);
    }
    const group = this.#groups.start(at, length);
    if (isPushed) return;
    records[group + GROUP.seq] = (seq + payloadBytes) | 0;
    records[group + GROUP.flags] = word & 0xff;
    this.#open(group, hash, version, TCP, headerBytes, payloadBytes);
  }

  #addUdp(at: number, length: number, version: number, ipBytes: number): void {
    if (!this.#joinsUdp) {
      this.#groups.start(at, length);
      return;
    }
    if (length < ipBytes + UDP_HEADER_BYTES) {
      this.#addShort(at, length, version, ipBytes);
      return;
    }
    const view = this.#view;
    const udpAt = at + ipBytes;
    const hash = this.#hashOf(udpAt, UDP);
    const open = this.#flows.find(hash, at, version, UDP, ipBytes);
    const headerBytes = ipBytes + UDP_HEADER_BYTES;
    const payloadBytes = length - headerBytes;
    const isPlain =
      view.getUint16(udpAt + UDP_AT.length) === length - ipBytes &&
      view.getUint16(udpAt + UDP_AT.checksum) !== 0;
    if (!isPlain || payloadBytes === 0 || !this.#isIntact(at, length, version, UDP)) {
      if (open !== NONE) this.#flows.close(open);
      this.#groups.start(at, length);
      return;
    }
    if (open !== NONE) {
      const group = this.#flows.groupAt(open);
      if (
        this.#hasRoom(group, payloadBytes, UDP_SEGMENTS_MAX) &&
        this.#hasSameIp(group, at, version)
      ) {
        this.#groups.append(group, at + headerBytes, payloadBytes);
        if (payloadBytes < (this.#records[group + GROUP.size] ?? 0)) this.#flows.close(open);
        return;
      }
      this.#flows.close(open);
    }
    const group = this.#groups.start(at, length);
    this.#open(group, hash, version, UDP, headerBytes, payloadBytes);
  }

  /** A packet that ends within its transport's header. */
  #addShort(at: number, length: number, version: number, ipBytes: number): void {
    const offset = version === 4 ? IPV4_AT.source : IPV6_AT.source;
    this.#addOdd(at, length, version, offset, ipBytes - offset);
  }

  /** From the ports and the end of the target; whole flows are compared afterwards. */
  #hashOf(transportAt: number, protocol: number): number {
    const view = this.#view;
    const target = view.getInt32(transportAt - 4);
    return Math.imul(view.getInt32(transportAt) ^ protocol, 0x9e3779b1) ^ target;
  }

  /** `group` takes more of its flow from now on. */
  #open(
    group: number,
    hash: number,
    version: number,
    protocol: number,
    headerBytes: number,
    payloadBytes: number,
  ): void {
    const records = this.#records;
    records[group + GROUP.version] = version;
    records[group + GROUP.protocol] = protocol;
    records[group + GROUP.headerBytes] = headerBytes;
    records[group + GROUP.size] = payloadBytes;
    this.#flows.open(group, hash);
  }

  #hasRoom(group: number, payloadBytes: number, segmentsMax: number): boolean {
    const records = this.#records;
    return (
      payloadBytes <= (records[group + GROUP.size] ?? 0) &&
      (records[group + GROUP.bytes] ?? 0) + payloadBytes <= GROUP_BYTES_MAX &&
      (records[group + GROUP.count] ?? 0) < segmentsMax
    );
  }

  /** Everything of IP but length, id and checksum; an id that matters must count up as splitting will. */
  #hasSameIp(group: number, at: number, version: number): boolean {
    const view = this.#view;
    const firstAt = this.#records[group + GROUP.at] ?? 0;
    if (version === 6) {
      // Version, class and flow label; next header and hop limit.
      return (
        view.getInt32(firstAt) === view.getInt32(at) &&
        view.getUint16(firstAt + IPV6_AT.next) === view.getUint16(at + IPV6_AT.next)
      );
    }
    const fragment = view.getUint16(at + IPV4_AT.fragment);
    const next = view.getUint16(firstAt + IPV4_AT.id) + (this.#records[group + GROUP.count] ?? 0);
    return (
      view.getUint16(firstAt) === view.getUint16(at) &&
      view.getUint16(firstAt + IPV4_AT.fragment) === fragment &&
      view.getUint16(firstAt + IPV4_AT.ttl) === view.getUint16(at + IPV4_AT.ttl) &&
      (fragment === DONT_FRAGMENT || view.getUint16(at + IPV4_AT.id) === (next & 0xffff))
    );
  }

  /** Everything of TCP but ports (checked), sequence (checked), PSH and checksum. */
  #hasSameTcp(group: number, tcpAt: number, ipBytes: number, tcpBytes: number): boolean {
    const view = this.#view;
    const firstAt = (this.#records[group + GROUP.at] ?? 0) + ipBytes;
    return (
      view.getInt32(firstAt + TCP_AT.ack) === view.getInt32(tcpAt + TCP_AT.ack) &&
      view.getUint16(firstAt + TCP_AT.dataOffset) ===
        (view.getUint16(tcpAt + TCP_AT.dataOffset) & ~PSH) &&
      view.getUint16(firstAt + TCP_AT.window) === view.getUint16(tcpAt + TCP_AT.window) &&
      view.getUint16(firstAt + TCP_AT.urgent) === view.getUint16(tcpAt + TCP_AT.urgent) &&
      areEqualWords(
        view,
        firstAt + TCP_HEADER_BYTES,
        tcpAt + TCP_HEADER_BYTES,
        tcpBytes - TCP_HEADER_BYTES,
      )
    );
  }

  /** Whether all checksums are right. */
  #isIntact(at: number, length: number, version: number, protocol: number): boolean {
    // Addresses and transport lie in one piece, so one sum covers the pseudo header too.
    if (version === 6) {
      const initial = protocol + length - IPV6_HEADER_BYTES;
      return this.#checksum.sum(at + IPV6_AT.source, length - IPV6_AT.source, initial) === 0xffff;
    }
    const view = this.#view;
    let header = 0;
    for (let i = 0; i < IPV4_HEADER_BYTES; i += 4) {
      const word = view.getInt32(at + i);
      header += (word >>> 16) + (word & 0xffff);
    }
    if (foldSum(header) !== 0xffff) return false;
    const initial = protocol + length - IPV4_HEADER_BYTES;
    return this.#checksum.sum(at + IPV4_AT.source, length - IPV4_AT.source, initial) === 0xffff;
  }
}
