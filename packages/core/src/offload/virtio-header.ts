/**
 * What the kernel puts before a packet on a TUN device with IFF_VNET_HDR, and wants there when it is given
 * one: what is left to do for checksums, and how a super-packet is made of segments.
 *
 *     0 flags  1 GSO type  2 header length  4 GSO size  6 checksum start  8 checksum offset    (little-endian)
 *
 * Places count from the packet's first byte. Source: Virtual I/O Device 1.2, section 5.1.6; Linux,
 * include/linux/virtio_net.h.
 */

export const VIRTIO_HEADER_BYTES = 10;

/** Flag: the checksum field holds the pseudo header's sum; the rest, from checksum start on, is to be added. */
export const NEEDS_CHECKSUM = 1;

/** How segments come of it. */
export const GSO = { none: 0, tcpV4: 1, tcpV6: 4, udp: 5 } as const;

/** Bit 7 says that CWR belongs to the first segment alone, which holds here anyway. */
export const GSO_TYPE_MASK = 0x7f;

export const VIRTIO_AT = {
  flags: 0,
  gsoType: 1,
  headerBytes: 2,
  gsoSize: 4,
  checksumStart: 6,
  checksumOffset: 8,
} as const;

/** Writes the header of a packet that is whole: nothing is left to do. */
export function writePlainHeader(view: DataView, at: number): void {
  view.setInt32(at, 0);
  view.setInt32(at + 4, 0);
  view.setInt16(at + 8, 0);
}

/**
 * Writes the header of a super-packet: `headerBytes` of IP and transport, then payload in pieces of `gsoSize`;
 * the transport begins at `checksumStart`, and its checksum `checksumOffset` behind that.
 */
export function writeGroupHeader(
  view: DataView,
  at: number,
  gsoType: number,
  headerBytes: number,
  gsoSize: number,
  checksumStart: number,
  checksumOffset: number,
): void {
  view.setUint8(at + VIRTIO_AT.flags, NEEDS_CHECKSUM);
  view.setUint8(at + VIRTIO_AT.gsoType, gsoType);
  view.setUint16(at + VIRTIO_AT.headerBytes, headerBytes, true);
  view.setUint16(at + VIRTIO_AT.gsoSize, gsoSize, true);
  view.setUint16(at + VIRTIO_AT.checksumStart, checksumStart, true);
  view.setUint16(at + VIRTIO_AT.checksumOffset, checksumOffset, true);
}
