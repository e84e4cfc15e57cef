/**
 * STUN's header and attributes; all integers are big-endian. Source: RFC 8489 sections 5, 14 and 18;
 * RFC 5780 section 7 for the attributes of behaviour discovery.
 *
 *     0  2   type: 0x0001 Binding request, 0x0011 indication, 0x0101 success, 0x0111 error
 *     2  2   length of all attributes, a multiple of 4
 *     4  4   magic cookie 2112a442
 *     8  12  transaction id
 *
 *     attribute = u16 type, u16 length, value, zero padding to a multiple of 4
 *     address   = u8 0, u8 family (1 IPv4, 2 IPv6), u16 port, 4 or 16 address bytes
 *
 * In the XOR form the port is XORed with the cookie's upper half and the address with the cookie and the
 * transaction id, so that NATs that rewrite addresses in payloads leave it alone.
 */
import { assert } from '../base/assert.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import {
  addressBytes,
  addressFromBytes,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
} from '../ip/address.js';
import { crc32 } from './crc32.js';

export const HEADER_BYTES = 20;
export const TRANSACTION_ID_BYTES = 12;
export const MAGIC_COOKIE = 0x2112a442;

export const MessageType = {
  bindingRequest: 0x0001,
  bindingIndication: 0x0011,
  bindingSuccess: 0x0101,
  bindingError: 0x0111,
} as const;

export const AttributeType = {
  mappedAddress: 0x0001,
  /** RFC 5780 section 7.2. */
  changeRequest: 0x0003,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  passwordAlgorithm: 0x001d,
  userhash: 0x001e,
  xorMappedAddress: 0x0020,
  /** RFC 5780 section 7.6: room for a longer answer. */
  padding: 0x0026,
  /** XOR-MAPPED-ADDRESS of some servers that kept a draft's number. */
  xorMappedAddressOfDrafts: 0x8020,
  software: 0x8022,
  fingerprint: 0x8028,
  /** RFC 5780 section 7.3: where the answer was sent from. */
  responseOrigin: 0x802b,
  /** RFC 5780 section 7.4: the server's other address and other port. */
  otherAddress: 0x802c,
  /**
   * Warren's own, from the range that IANA gives out to experts (RFC 8489 section 18.3), where nobody registered it.
   * In a request: zeros, room for the answer. In a success: 16 bytes, address-tokens.ts.
   */
  addressToken: 0xd757,
} as const;

/** Attributes below this must be understood by the receiver (RFC 8489 section 14). */
export const COMPREHENSION_OPTIONAL_FROM = 0x8000;

/** "STUN" in ASCII; keeps a fingerprint apart from other CRCs of the same bytes. */
const FINGERPRINT_XOR = 0x5354554e;

export const ATTRIBUTE_HEADER_BYTES = 4;
export const FINGERPRINT_BYTES = ATTRIBUTE_HEADER_BYTES + 4;

const FAMILY_V4 = 1;
const FAMILY_V6 = 2;

export interface StunHeader {
  readonly type: number;
  /** Shares memory with the datagram. */
  readonly transactionId: Uint8Array;
  /** Where the attributes end. Bytes after it don't belong to the message. */
  readonly end: number;
}

export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 255;
}

/** Unsigned. */
export function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x1_0000 + readU16(bytes, at + 2);
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU16(bytes, at, Math.floor(value / 0x1_0000));
  writeU16(bytes, at + 2, value % 0x1_0000);
}

/** Room that an attribute's value takes with its padding. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Reads a header; the attributes it announces lie inside `bytes`. */
export function decodeHeader(bytes: Uint8Array): StunHeader | DecodeFailure {
  if (bytes.length < HEADER_BYTES) return fail('too-short');
  if (readU32(bytes, 4) !== MAGIC_COOKIE) return fail('bad-cookie');
  const length = readU16(bytes, 2);
  if (length % 4 !== 0 || length > bytes.length - HEADER_BYTES) return fail('bad-length');
  return {
    type: readU16(bytes, 0),
    transactionId: bytes.subarray(8, HEADER_BYTES),
    end: HEADER_BYTES + length,
  };
}

/** Writes a header for attributes of `length` bytes. */
export function putHeader(
  target: Uint8Array,
  type: number,
  length: number,
  transactionId: Uint8Array,
): void {
  assert(transactionId.length === TRANSACTION_ID_BYTES, 'a transaction id has 12 bytes');
  writeU16(target, 0, type);
  writeU16(target, 2, length);
  writeU32(target, 4, MAGIC_COOKIE);
  target.set(transactionId, 8);
}

/** Writes an attribute's header at `at`; returns where the value starts. */
export function putAttribute(target: Uint8Array, at: number, type: number, length: number): number {
  writeU16(target, at, type);
  writeU16(target, at + 2, length);
  return at + ATTRIBUTE_HEADER_BYTES;
}

/**
 * Calls `visit` for each attribute up to `end`; the first failure that it returns ends the walk. Fails by
 * itself when an attribute, padding included, does not fit.
 */
export function walkAttributes(
  bytes: Uint8Array,
  end: number,
  visit: (type: number, valueAt: number, length: number) => DecodeFailure | undefined,
): DecodeFailure | undefined {
  let at = HEADER_BYTES;
  while (at < end) {
    if (end - at < ATTRIBUTE_HEADER_BYTES) return fail('bad-attribute');
    const length = readU16(bytes, at + 2);
    const valueAt = at + ATTRIBUTE_HEADER_BYTES;
    if (padded(length) > end - valueAt) return fail('bad-attribute');
    const failure = visit(readU16(bytes, at), valueAt, length);
    if (failure !== undefined) return failure;
    at = valueAt + padded(length);
  }
  return undefined;
}

/**
 * Fingerprint of the message whose FINGERPRINT attribute starts at `at`. The length in its header must
 * already count the attribute.
 */
export function fingerprintOf(bytes: Uint8Array, at: number): number {
  return (crc32(bytes, 0, at) ^ FINGERPRINT_XOR) >>> 0;
}

/** Writes FINGERPRINT at `at`, as the last attribute; the length in the header must already count it. */
export function putFingerprint(bytes: Uint8Array, at: number): void {
  const valueAt = putAttribute(bytes, at, AttributeType.fingerprint, 4);
  writeU32(bytes, valueAt, fingerprintOf(bytes, at));
}

/** Value bytes of an address attribute for `of`: 8 or 20. */
export function addressValueBytes(of: Endpoint): number {
  return 4 + addressBytes(endpointAddress(of)).length;
}

/** Writes the value of an address attribute in its plain form at `at`. */
export function putAddress(target: Uint8Array, at: number, of: Endpoint): void {
  const address = addressBytes(endpointAddress(of));
  target[at] = 0;
  target[at + 1] = address.length === 4 ? FAMILY_V4 : FAMILY_V6;
  writeU16(target, at + 2, endpointPort(of));
  target.set(address, at + 4);
}

/** Writes the value of XOR-MAPPED-ADDRESS at `at`; header and transaction id must stand in `target`. */
export function putXorAddress(target: Uint8Array, at: number, of: Endpoint): void {
  const address = addressBytes(endpointAddress(of));
  target[at] = 0;
  target[at + 1] = address.length === 4 ? FAMILY_V4 : FAMILY_V6;
  writeU16(target, at + 2, endpointPort(of) ^ (MAGIC_COOKIE >>> 16));
  for (const [i, byte] of address.entries()) target[at + 4 + i] = byte ^ (target[4 + i] ?? 0);
}

/**
 * Reads an address attribute's value; `xor` tells the form. An IPv4 address comes out as IPv4 even when
 * a server wrote it mapped into family 2. Fails on an unknown family and on a value too short for it.
 */
export function readAddress(
  bytes: Uint8Array,
  at: number,
  length: number,
  xor: boolean,
): Endpoint | DecodeFailure {
  if (length < 4) return fail('bad-address');
  const family = bytes[at + 1];
  if (family !== FAMILY_V4 && family !== FAMILY_V6) return fail('bad-address-family');
  const size = family === FAMILY_V4 ? 4 : 16;
  if (length < 4 + size) return fail('bad-address');
  const address = bytes.slice(at + 4, at + 4 + size);
  let port = readU16(bytes, at + 2);
  if (xor) {
    port ^= MAGIC_COOKIE >>> 16;
    for (let i = 0; i < size; i++) address[i] = (address[i] ?? 0) ^ (bytes[4 + i] ?? 0);
  }
  return endpoint(addressFromBytes(address), port);
}
