/**
 * Places and numbers of IP, TCP and UDP headers, as far as splitting and coalescing touch them.
 *
 *     IPv4: 0 version, header length  1 type of service  2 total length  4 id  6 flags, fragment  8 TTL
 *           9 protocol  10 checksum  12 source  16 target
 *     IPv6: 0 version, class, flow label  4 payload length  6 next header  7 hop limit  8 source  24 target
 *     TCP:  0 ports  4 sequence  8 acknowledgement  12 data offset  13 flags  14 window  16 checksum  18 urgent
 *     UDP:  0 ports  4 length  6 checksum
 *
 * Sources: RFC 791, RFC 8200, RFC 9293, RFC 768.
 */

export const IPV4_HEADER_BYTES = 20;
export const IPV6_HEADER_BYTES = 40;
export const TCP_HEADER_BYTES = 20;
export const UDP_HEADER_BYTES = 8;

export const IPV4_AT = {
  length: 2,
  id: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
} as const;
export const IPV6_AT = { length: 4, next: 6, source: 8 } as const;
export const TCP_AT = {
  seq: 4,
  ack: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgent: 18,
} as const;
export const UDP_AT = { length: 4, checksum: 6 } as const;

export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const ECE = 0x40;
export const CWR = 0x80;

/** A packet of a sane sender has one or two; each is one turn of our loop. */
const EXTENSION_HEADERS_MAX = 8;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION_OPTIONS = 60;

/**
 * How many bytes of IPv6 headers precede the header of `protocol` in the packet at `at`, which ends before
 * `end`; 0 when something else comes first, such as a fragment header or a route with stops left (whose
 * pseudo header isn't that of the target we see).
 */
export function ipv6HeaderBytes(view: DataView, at: number, end: number, protocol: number): number {
  let next = view.getUint8(at + IPV6_AT.next);
  let here = at + IPV6_HEADER_BYTES;
  for (let headers = 0; next !== protocol; headers++) {
    if (next !== HOP_BY_HOP && next !== ROUTING && next !== DESTINATION_OPTIONS) return 0;
    if (headers === EXTENSION_HEADERS_MAX || here + 8 > end) return 0;
    if (next === ROUTING && view.getUint8(here + 3) !== 0) return 0;
    next = view.getUint8(here);
    here += (view.getUint8(here + 1) + 1) * 8;
  }
  return here <= end ? here - at : 0;
}

/** Whether the `bytes`, a multiple of 4, at two places are the same. */
export function areEqualWords(
  view: DataView,
  oneAt: number,
  otherAt: number,
  bytes: number,
): boolean {
  for (let i = 0; i < bytes; i += 4) {
    if (view.getInt32(oneAt + i) !== view.getInt32(otherAt + i)) return false;
  }
  return true;
}
