/**
 * Overlay addresses: one IPv4 of 100.64.0.0/10 and one IPv6 of fd7a:115c:a1e0::/48 per node, which end in the
 * same number, its index, for life. Indexes go up one by one and start over after the last, so an address
 * that became free is not given to somebody else soon.
 *
 * Never given: the range's first and last address, MagicDNS (100.100.100.100, and ...::53) and ChromeOS's VM
 * range 100.115.92.0/23. The IPv6 ranges that other features live in (fd7a:115c:a1e0:b1a::/64, :ab12:..., :efe3::)
 * differ from ours above the lowest 64 bits, which stay zero here.
 */
import { assert } from '../../base/assert.js';
import { addressBytes, addressFromBytes, type IpAddress } from '../../ip/address.js';

/** Numbers in 100.64.0.0/10. */
const RANGE = 2 ** 22;
/** 100.64.0.0. */
const FIRST_V4 = 0x64400000;
/** fd7a:115c:a1e0. */
const PREFIX_V6 = [0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0];

/** 100.100.100.100. */
const MAGIC_DNS_V4 = 0x64646464 - FIRST_V4;
/** fd7a:115c:a1e0::53. */
const MAGIC_DNS_V6 = 0x53;
/** 100.115.92.0. */
const CHROME_OS = 0x64735c00 - FIRST_V4;
const CHROME_OS_SIZE = 512;

/** The addresses of one node. */
export interface OverlayAddresses {
  readonly v4: IpAddress;
  readonly v6: IpAddress;
}

/** The pair of an index, reserved or not. */
export function addressesOf(index: number): OverlayAddresses {
  assert(Number.isInteger(index) && index >= 0 && index < RANGE, 'an index is in the range');
  const v4 = new Uint8Array(4);
  const v6 = new Uint8Array(16);
  v6.set(PREFIX_V6);
  for (let i = 0; i < 4; i++) {
    v4[i] = ((FIRST_V4 + index) >>> (24 - 8 * i)) & 255;
    v6[12 + i] = (index >>> (24 - 8 * i)) & 255;
  }
  return { v4: addressFromBytes(v4), v6: addressFromBytes(v6) };
}

/** The index of a pair that {@link addressesOf} gave. */
export function addressIndex(addresses: OverlayAddresses): number {
  let number = 0;
  for (const byte of addressBytes(addresses.v4)) number = number * 256 + byte;
  return number - FIRST_V4;
}

/** True for a pair that no node may have. */
export function isReserved(index: number): boolean {
  if (index === 0 || index === RANGE - 1) return true;
  if (index === MAGIC_DNS_V4 || index === MAGIC_DNS_V6) return true;
  return index >= CHROME_OS && index < CHROME_OS + CHROME_OS_SIZE;
}

/** The first free index after `lastIndex`, around the range once; undefined when all are taken. */
export function allocateIndex(
  lastIndex: number,
  isTaken: (index: number) => boolean,
): number | undefined {
  for (let step = 1; step <= RANGE; step++) {
    const index = (lastIndex + step) % RANGE;
    if (!isReserved(index) && !isTaken(index)) return index;
  }
  return undefined;
}
