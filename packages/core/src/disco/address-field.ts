/** An address as disco messages carry it: 16 bytes of IPv6 (IPv4 as ::ffff:a.b.c.d), then the port as u16. */
import {
  addressBytes16,
  addressFromBytes,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
} from '../ip/address.js';

export const ADDRESS_BYTES = 18;

/** Writes 18 bytes at `at`. */
export function putAddress(bytes: Uint8Array, at: number, of: Endpoint): void {
  bytes.set(addressBytes16(endpointAddress(of)), at);
  const port = endpointPort(of);
  bytes[at + 16] = port >> 8;
  bytes[at + 17] = port & 255;
}

/** Reads 18 bytes at `at`, which must be there. */
export function addressAt(bytes: Uint8Array, at: number): Endpoint {
  const port = ((bytes[at + 16] ?? 0) << 8) | (bytes[at + 17] ?? 0);
  return endpoint(addressFromBytes(bytes.subarray(at, at + 16)), port);
}
