/**
 * The router's half of 4via6: packets for IPv6 addresses that stand for IPv4 ones go on as IPv4, and their answers come
 * back (stateful NAT64, RFC 6146 and 7915, without DNS).
 *
 *     peer --IPv6--> fd7a:115c:a1e0:b1a:0:SITE:V4      toIpv4   192.0.0.4:PORT --IPv4--> V4      the kernel forwards
 *     peer <--IPv6-- the same                          toIpv6   192.0.0.4:PORT <--IPv4-- V4      and masquerades
 *
 * TCP, UDP and ICMP echo both ways; ICMP errors of IPv4 on their way back, as far as they quote a packet of ours.
 * Fragments, extension headers and all else are dropped and counted. Sans-I/O, on memory of the caller.
 *
 * 192.0.0.4 is nobody's: of the range that translators use between themselves and their machine (RFC 7335).
 */
import type { Counters } from '../base/counters.js';
import { addressBytes, type IpAddress } from '../ip/address.js';
import { type Prefix, prefixAddress } from '../ip/prefix.js';
import { PrefixTable } from '../ip/prefix-table.js';
import { type ViaMapping, ViaMappings } from './via-mappings.js';
import { VIA_RANGE, viaNetwork } from './via-prefix.js';
import {
  adjusted,
  checksumOf,
  readUint16,
  readUint32,
  sumOf,
  writeUint16,
  writeUint32,
} from './via-wire.js';

/** Which IPv4 address the translator speaks with. The kernel leads it into the tunnel's device. */
export const VIA_ADDRESS = '192.0.0.4' as string as IpAddress;
const VIA_ADDRESS_NUMBER = readUint32(addressBytes(VIA_ADDRESS), 0);
/** An IPv6 header is so much longer. */
export const VIA_SHRINK_BYTES = 20;

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const V6_SOURCE_AT = 8;
const V6_TARGET_AT = 24;
const V4_SOURCE_AT = 12;
const V4_TARGET_AT = 16;
const VIA_SITE_AT = 8;
const VIA_V4_AT = 12;

const [ICMP, TCP, UDP, ICMPV6] = [1, 6, 17, 58] as const;
/** How long the header of a transport is at least. */
const HEADER_BYTES: Readonly<Record<number, number>> = {
  [ICMP]: 8,
  [TCP]: 20,
  [UDP]: 8,
  [ICMPV6]: 8,
};
const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;
const ICMP_CHECKSUM_AT = 2;
const TCP_FLAGS_AT = 13;
const FIN_OR_RST = 0x05;
const ECHO_REQUEST_V6 = 128;
const ECHO_REPLY_V6 = 129;

/** RFC 7915 section 5.1: what fits everywhere may be cut on its way, longer ones tell their senders. */
const MAY_BE_CUT_BYTES = 1_260;
const DONT_FRAGMENT = 0x4000;
const MORE_OR_OFFSET = 0x3fff;
/** RFC 8200 section 5. */
const IPV6_MTU_MIN = 1_280;
/** Of a packet out of the tunnel's device, with room before and after it for WireGuard. */
const SCRATCH_PACKET_BYTES = 9_216;
const SCRATCH_ROOM_BYTES = 64;

export class ViaTranslator {
  /** Where {@link toIpv6} writes, at {@link scratchAt}; WireGuard seals in place there. */
  readonly scratch = new Uint8Array(SCRATCH_PACKET_BYTES + 2 * SCRATCH_ROOM_BYTES);
  readonly scratchAt = SCRATCH_ROOM_BYTES;
  readonly #counters: Counters;
  readonly #mappings: ViaMappings;
  readonly #range = addressBytes(prefixAddress(VIA_RANGE));
  #networks = new PrefixTable<true>();
  #text = '';
  #identification = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
    this.#mappings = new ViaMappings(counters);
  }

  /** True when networks of a site are announced. */
  get isOn(): boolean {
    return this.#text !== '';
  }

  /** Of all that is announced, what stands for IPv4 networks. */
  setNetworks(announced: readonly Prefix[]): void {
    const networks = announced.filter((prefix) => viaNetwork(prefix) !== undefined);
    const text = networks.join();
    if (text === this.#text) return;
    this.#text = text;
    this.#networks = new PrefixTable();
    for (const network of networks) this.#networks.insert(network, true);
    this.#mappings.clear();
  }

  /** Is the IPv6 packet at `memory[at]` for one of those networks? */
  isForUs(memory: Uint8Array, at: number): boolean {
    return this.isOn && this.#networks.lookupV6(memory, at + V6_TARGET_AT) === true;
  }

  /** Is the IPv4 packet at `memory[at]` an answer to what was translated? */
  isAnswer(memory: Uint8Array, at: number): boolean {
    return this.isOn && readUint32(memory, at + V4_TARGET_AT) === VIA_ADDRESS_NUMBER;
  }

  /**
   * A whole IPv6 packet in place: the IPv4 packet begins at `at + VIA_SHRINK_BYTES` and has the length that is
   * answered. 0: dropped.
   */
  toIpv4(memory: Uint8Array, at: number, length: number, nowMs: number): number {
    const protocol = memory[at + 6] ?? 0;
    const transportAt = at + IPV6_BYTES;
    const transportBytes = length - IPV6_BYTES;
    if (
      transportBytes < (HEADER_BYTES[protocol] ?? Number.POSITIVE_INFINITY) ||
      protocol === ICMP
    ) {
      return this.#drop(protocol in HEADER_BYTES ? 'via-truncated' : 'via-protocol');
    }
    const type = memory[transportAt] ?? 0;
    if (protocol === ICMPV6 && type !== ECHO_REQUEST_V6) return this.#drop('via-icmp');
    const portAt = transportAt + (protocol === ICMPV6 ? 4 : 0);
    const site = readUint32(memory, at + V6_TARGET_AT + VIA_SITE_AT);
    const mapping = this.#mappings.outward(
      memory,
      at + V6_SOURCE_AT,
      protocol === ICMPV6 ? ICMP : protocol,
      readUint16(memory, portAt),
      site,
      nowMs,
    );
    if (mapping === undefined) return 0;
    this.#mappings.touch(mapping, false, endsTcp(memory, transportAt, protocol), nowMs);

    const target = readUint32(memory, at + V6_TARGET_AT + VIA_V4_AT);
    const removed = sumOf(memory, at + V6_SOURCE_AT, 32) + mapping.peerPort;
    const added = halves(VIA_ADDRESS_NUMBER) + halves(target) + mapping.port;
    writeUint16(memory, portAt, mapping.port);
    if (protocol === ICMPV6) {
      memory[transportAt] = 8;
      this.#sumIcmp4(memory, transportAt, transportBytes);
    } else {
      adjust(memory, transportAt, protocol, removed, added);
    }
    this.#writeIpv4(memory, at, transportBytes, mapping.protocol, target);
    return IPV4_BYTES + transportBytes;
  }

  /** A whole IPv4 packet into {@link scratch}; answers the IPv6 packet's length. 0: dropped. */
  toIpv6(memory: Uint8Array, at: number, length: number, nowMs: number): number {
    const headerBytes = ((memory[at] ?? 0) & 15) * 4;
    const protocol = memory[at + 9] ?? 0;
    const transportBytes = length - headerBytes;
    if ((readUint16(memory, at + 6) & MORE_OR_OFFSET) !== 0) return this.#drop('via-fragment');
    if (
      transportBytes < (HEADER_BYTES[protocol] ?? Number.POSITIVE_INFINITY) ||
      protocol === ICMPV6
    ) {
      return this.#drop(protocol in HEADER_BYTES ? 'via-truncated' : 'via-protocol');
    }
    if (IPV6_BYTES + transportBytes > SCRATCH_PACKET_BYTES) return this.#drop('via-too-long');
    const { scratch, scratchAt } = this;
    const transportAt = scratchAt + IPV6_BYTES;
    scratch.set(memory.subarray(at + headerBytes, at + length), transportAt);
    const source = readUint32(memory, at + V4_SOURCE_AT);
    const type = scratch[transportAt] ?? 0;
    if (protocol === ICMP && type !== 0)
      return this.#errorToIpv6(memory, at, transportBytes, nowMs);
    const portAt = transportAt + (protocol === ICMP ? 4 : 2);
    const port = readUint16(scratch, portAt);
    const mapping = this.#mappings.inward(protocol, port, nowMs);
    if (mapping === undefined) return this.#drop('via-no-mapping');
    this.#mappings.touch(mapping, true, endsTcp(scratch, transportAt, protocol), nowMs);
    this.#writeIpv6(
      memory,
      at,
      mapping,
      source,
      protocol === ICMP ? ICMPV6 : protocol,
      transportBytes,
    );
    writeUint16(scratch, portAt, mapping.peerPort);
    if (protocol === ICMP) {
      scratch[transportAt] = ECHO_REPLY_V6;
      this.#sumIcmp6(transportAt, transportBytes);
    } else {
      const removed = halves(source) + halves(VIA_ADDRESS_NUMBER) + port;
      const added = sumOf(scratch, scratchAt + V6_SOURCE_AT, 32) + mapping.peerPort;
      const isUnsummed =
        protocol === UDP && readUint16(scratch, transportAt + UDP_CHECKSUM_AT) === 0;
      if (isUnsummed) this.#sumUdp6(transportAt, transportBytes);
      else adjust(scratch, transportAt, protocol, removed, added);
    }
    return IPV6_BYTES + transportBytes;
  }

  /** An ICMP error about a packet of ours (RFC 7915 section 4.2): type, code, and the packet that it quotes. */
  #errorToIpv6(memory: Uint8Array, at: number, transportBytes: number, nowMs: number): number {
    const { scratch, scratchAt } = this;
    const errorAt = scratchAt + IPV6_BYTES;
    const translated = icmpError(scratch, errorAt);
    if (translated === undefined) return this.#drop('via-icmp');
    // The quoted packet: 192.0.0.4 to V4, at least 8 bytes of its transport. It is in `memory` still.
    const outerBytes = ((memory[at] ?? 0) & 15) * 4;
    const quotedAt = at + outerBytes + 8;
    const quotedHeaderBytes = ((memory[quotedAt] ?? 0) & 15) * 4;
    const quotedTransportBytes = transportBytes - 8 - quotedHeaderBytes;
    const protocol = memory[quotedAt + 9] ?? 0;
    const isOurs =
      quotedHeaderBytes >= IPV4_BYTES &&
      quotedTransportBytes >= 8 &&
      readUint32(memory, quotedAt + V4_SOURCE_AT) === VIA_ADDRESS_NUMBER;
    if (!isOurs) return this.#drop('via-icmp');
    const quotedPortAt = quotedAt + quotedHeaderBytes + (protocol === ICMP ? 4 : 0);
    const mapping = this.#mappings.inward(protocol, readUint16(memory, quotedPortAt), nowMs);
    if (mapping === undefined) return this.#drop('via-no-mapping');
    const target = readUint32(memory, quotedAt + V4_TARGET_AT);
    // As much as fits into what every path carries.
    const kept = Math.min(quotedTransportBytes, IPV6_MTU_MIN - 2 * IPV6_BYTES - 8);
    const innerAt = errorAt + 8;
    const innerTransportAt = innerAt + IPV6_BYTES;
    const from = quotedAt + quotedHeaderBytes;
    scratch.set(memory.subarray(from, from + kept), innerTransportAt);
    const innerProtocol = protocol === ICMP ? ICMPV6 : protocol;
    if (protocol === ICMP) scratch[innerTransportAt] = ECHO_REQUEST_V6;
    writeUint16(scratch, innerTransportAt + (protocol === ICMP ? 4 : 0), mapping.peerPort);
    const quotedLength = readUint16(memory, quotedAt + 2) - quotedHeaderBytes;
    this.#writeHeader(innerAt, innerProtocol, Math.max(0, quotedLength), memory[quotedAt + 8] ?? 0);
    this.#writePeer(innerAt + V6_SOURCE_AT, mapping);
    this.#writeVia(innerAt + V6_TARGET_AT, mapping.site, target);
    scratch[errorAt] = translated.type;
    scratch[errorAt + 1] = translated.code;
    writeUint32(scratch, errorAt + 4, translated.rest);
    const bytes = 8 + IPV6_BYTES + kept;
    // Whoever on the way says so may stand outside what is announced: the target speaks for it.
    this.#writeIpv6(memory, at, mapping, target, ICMPV6, bytes);
    this.#sumIcmp6(errorAt, bytes);
    return IPV6_BYTES + bytes;
  }

  #writeIpv4(
    memory: Uint8Array,
    at: number,
    transportBytes: number,
    protocol: number,
    target: number,
  ): void {
    const trafficClass = (readUint16(memory, at) >> 4) & 255;
    const hopLimit = memory[at + 7] ?? 0;
    const to = at + VIA_SHRINK_BYTES;
    const length = IPV4_BYTES + transportBytes;
    const mayBeCut = length <= MAY_BE_CUT_BYTES;
    this.#identification = (this.#identification + 1) & 0xffff;
    memory[to] = 0x45;
    memory[to + 1] = trafficClass;
    writeUint16(memory, to + 2, length);
    writeUint16(memory, to + 4, mayBeCut ? this.#identification : 0);
    writeUint16(memory, to + 6, mayBeCut ? 0 : DONT_FRAGMENT);
    memory[to + 8] = hopLimit;
    memory[to + 9] = protocol;
    writeUint16(memory, to + 10, 0);
    writeUint32(memory, to + V4_SOURCE_AT, VIA_ADDRESS_NUMBER);
    writeUint32(memory, to + V4_TARGET_AT, target);
    writeUint16(memory, to + 10, checksumOf(sumOf(memory, to, IPV4_BYTES)));
  }

  /** The outer header, with class and hop limit of the IPv4 packet at `memory[at]`. */
  #writeIpv6(
    memory: Uint8Array,
    at: number,
    mapping: ViaMapping,
    source: number,
    protocol: number,
    transportBytes: number,
  ): void {
    const { scratch, scratchAt } = this;
    this.#writeHeader(scratchAt, protocol, transportBytes, memory[at + 8] ?? 0);
    writeUint16(scratch, scratchAt, 0x6000 | ((memory[at + 1] ?? 0) << 4));
    this.#writeVia(scratchAt + V6_SOURCE_AT, mapping.site, source);
    this.#writePeer(scratchAt + V6_TARGET_AT, mapping);
  }

  #writeHeader(at: number, protocol: number, transportBytes: number, hopLimit: number): void {
    const { scratch } = this;
    writeUint32(scratch, at, 0x6000_0000);
    writeUint16(scratch, at + 4, transportBytes);
    scratch[at + 6] = protocol;
    scratch[at + 7] = hopLimit;
  }

  #writeVia(at: number, site: number, address: number): void {
    this.scratch.set(this.#range, at);
    writeUint32(this.scratch, at + VIA_SITE_AT, site);
    writeUint32(this.scratch, at + VIA_V4_AT, address);
  }

  #writePeer(at: number, { peer }: ViaMapping): void {
    for (const [i, word] of peer.entries()) writeUint32(this.scratch, at + 4 * i, word);
  }

  #sumIcmp4(memory: Uint8Array, at: number, length: number): void {
    writeUint16(memory, at + ICMP_CHECKSUM_AT, 0);
    writeUint16(memory, at + ICMP_CHECKSUM_AT, checksumOf(sumOf(memory, at, length)));
  }

  #sumIcmp6(at: number, length: number): void {
    const { scratch } = this;
    writeUint16(scratch, at + ICMP_CHECKSUM_AT, 0);
    const sum = this.#pseudoSum(ICMPV6, length) + sumOf(scratch, at, length);
    writeUint16(scratch, at + ICMP_CHECKSUM_AT, checksumOf(sum));
  }

  /** IPv6 knows no UDP without a checksum. */
  #sumUdp6(at: number, length: number): void {
    const { scratch } = this;
    const checksum = checksumOf(this.#pseudoSum(UDP, length) + sumOf(scratch, at, length));
    writeUint16(scratch, at + UDP_CHECKSUM_AT, checksum === 0 ? 0xffff : checksum);
  }

  #pseudoSum(protocol: number, length: number): number {
    return sumOf(this.scratch, this.scratchAt + V6_SOURCE_AT, 32) + length + protocol;
  }

  #drop(reason: string): 0 {
    this.#counters.add(reason);
    return 0;
  }
}

/** The sum of a number's two halves. */
const halves = (number: number): number => (number >>> 16) + (number & 0xffff);

function endsTcp(memory: Uint8Array, transportAt: number, protocol: number): boolean {
  return protocol === TCP && ((memory[transportAt + TCP_FLAGS_AT] ?? 0) & FIN_OR_RST) !== 0;
}

/** Length and protocol count the same in both pseudo headers; addresses and port don't. */
function adjust(
  memory: Uint8Array,
  transportAt: number,
  protocol: number,
  removed: number,
  added: number,
): void {
  const at = transportAt + (protocol === TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT);
  const checksum = adjusted(readUint16(memory, at), removed, added);
  writeUint16(memory, at, checksum === 0 && protocol === UDP ? 0xffff : checksum);
}

/** Type, code and the word after the checksum in ICMPv6; undefined: nothing that is passed on. */
function icmpError(
  memory: Uint8Array,
  at: number,
): { readonly type: number; readonly code: number; readonly rest: number } | undefined {
  const [type = 0, code = 0] = [memory[at], memory[at + 1]];
  if (type === 11) return { type: 3, code, rest: 0 };
  if (type !== 3) return undefined;
  if (code === 4) {
    const mtu = readUint16(memory, at + 6) + VIA_SHRINK_BYTES;
    return { type: 2, code: 0, rest: Math.max(IPV6_MTU_MIN, mtu) };
  }
  if (code === 3) return { type: 1, code: 4, rest: 0 };
  // Administratively prohibited.
  const isForbidden = code === 9 || code === 10 || code === 13;
  return { type: 1, code: isForbidden ? 1 : 0, rest: 0 };
}
