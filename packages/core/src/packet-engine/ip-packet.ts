/**
 * The little that routing and the allowed-IPs check need of an IP header.
 *
 *     IPv4: 0 version and header length, 2 total length, 12 source, 16 destination
 *     IPv6: 0 version, 4 payload length, 8 source, 24 destination
 *
 * Sources: RFC 791 section 3.1, RFC 8200 section 3.
 */
import { type DecodeFailure, fail } from '../base/failure.js';

export const IPV4_SOURCE_AT = 12;
export const IPV4_DESTINATION_AT = 16;
export const IPV6_SOURCE_AT = 8;
export const IPV6_DESTINATION_AT = 24;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

export type IpFailure = 'ip-truncated' | 'ip-bad-length' | 'ip-unknown-version';

function readUint16(memory: Uint8Array, at: number): number {
  return ((memory[at] ?? 0) << 8) | (memory[at + 1] ?? 0);
}

/** 4 or 6 as the first nibble says; ask {@link ipPacketLength} first. */
export function ipVersionOf(memory: Uint8Array, at: number): number {
  return (memory[at] ?? 0) >> 4;
}

/**
 * The length that the IP header at `memory[at]` states, with `available` bytes there. Anything behind it is
 * padding. IPv6 jumbograms (payload length 0 with an option) are refused as too short.
 */
export function ipPacketLength(
  memory: Uint8Array,
  at: number,
  available: number,
): number | DecodeFailure<IpFailure> {
  if (available < 1) return fail('ip-truncated');
  const version = ipVersionOf(memory, at);
  if (version === 4) {
    if (available < IPV4_HEADER_BYTES) return fail('ip-truncated');
    const headerBytes = ((memory[at] ?? 0) & 15) * 4;
    const total = readUint16(memory, at + 2);
    if (headerBytes < IPV4_HEADER_BYTES || total < headerBytes) return fail('ip-bad-length');
    return total > available ? fail('ip-truncated') : total;
  }
  if (version === 6) {
    if (available < IPV6_HEADER_BYTES) return fail('ip-truncated');
    const total = IPV6_HEADER_BYTES + readUint16(memory, at + 4);
    return total > available ? fail('ip-truncated') : total;
  }
  return fail('ip-unknown-version');
}
