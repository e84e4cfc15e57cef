/**
 * The four WireGuard messages as bytes. All integers are little-endian.
 *
 *     initiation, 148 bytes                     response, 92 bytes
 *       0  type 1, three zero bytes               0  type 2, three zero bytes
 *       4  sender index                           4  sender index
 *       8  ephemeral public key, 32               8  receiver index
 *      40  static public key, sealed, 32 + 16    12  ephemeral public key, 32
 *      88  timestamp, sealed, 12 + 16            44  nothing, sealed, 16
 *     116  mac1, 16                              60  mac1, 16
 *     132  mac2, 16                              76  mac2, 16
 *
 *     cookie reply, 64 bytes                    transport, 32 bytes and more
 *       0  type 3, three zero bytes               0  type 4, three zero bytes
 *       4  receiver index                         4  receiver index
 *       8  nonce, 24                              8  counter, 64 bits
 *      32  cookie, sealed, 16 + 16               16  IP packet padded to 16 bytes, sealed; none: keepalive
 *
 * Source: WireGuard whitepaper, section 5.4.
 */
import { type DecodeFailure, fail } from '../base/failure.js';

/** First byte of each message; the three bytes after it are zero. */
export const MESSAGE = { initiation: 1, response: 2, cookieReply: 3, transport: 4 } as const;

export type MessageType = (typeof MESSAGE)[keyof typeof MESSAGE];

/** Poly1305 tag. */
export const TAG_BYTES = 16;
/** mac1 and mac2: keyed BLAKE2s cut to 16 bytes. */
export const MAC_BYTES = 16;

export const INITIATION_BYTES = 148;
export const RESPONSE_BYTES = 92;
export const COOKIE_REPLY_BYTES = 64;
export const TRANSPORT_HEADER_BYTES = 16;
/** A transport message around nothing; also the shortest transport message. */
export const KEEPALIVE_BYTES = TRANSPORT_HEADER_BYTES + TAG_BYTES;
/** Plaintext is padded to a multiple of this, so that lengths tell less. */
export const PADDING_BYTES = 16;

/** Offsets inside an initiation. */
export const INITIATION_AT = {
  sender: 4,
  ephemeral: 8,
  static: 40,
  timestamp: 88,
  mac1: 116,
  mac2: 132,
} as const;

/** Offsets inside a response. */
export const RESPONSE_AT = {
  sender: 4,
  receiver: 8,
  ephemeral: 12,
  empty: 44,
  mac1: 60,
  mac2: 76,
} as const;

/** Offsets inside a cookie reply. */
export const COOKIE_REPLY_AT = { receiver: 4, nonce: 8, cookie: 32 } as const;

/** XChaCha20's nonce: long enough to be drawn at random. */
export const COOKIE_NONCE_BYTES = 24;

/** Offsets inside a transport message. */
export const TRANSPORT_AT = { receiver: 4, counter: 8 } as const;

/** What `length` bytes at `memory[at]` claim to be; the length must be possible for the type. */
export function messageTypeOf(
  memory: Uint8Array,
  at: number,
  length: number,
):
  | MessageType
  | DecodeFailure<'wireguard-too-short' | 'wireguard-bad-type' | 'wireguard-bad-length'> {
  if (length < 4) return fail('wireguard-too-short');
  switch (readUint32(memory, at)) {
    case MESSAGE.transport:
      return length >= KEEPALIVE_BYTES ? MESSAGE.transport : fail('wireguard-bad-length');
    case MESSAGE.initiation:
      return length === INITIATION_BYTES ? MESSAGE.initiation : fail('wireguard-bad-length');
    case MESSAGE.response:
      return length === RESPONSE_BYTES ? MESSAGE.response : fail('wireguard-bad-length');
    case MESSAGE.cookieReply:
      return length === COOKIE_REPLY_BYTES ? MESSAGE.cookieReply : fail('wireguard-bad-length');
    default:
      return fail('wireguard-bad-type');
  }
}

/** Unsigned 32 bits at `memory[at]`. */
export function readUint32(memory: Uint8Array, at: number): number {
  return (
    ((memory[at] ?? 0) |
      ((memory[at + 1] ?? 0) << 8) |
      ((memory[at + 2] ?? 0) << 16) |
      ((memory[at + 3] ?? 0) << 24)) >>>
    0
  );
}

/** Writes the low 32 bits of `value` to `memory[at]`. */
export function writeUint32(memory: Uint8Array, at: number, value: number): void {
  memory[at] = value;
  memory[at + 1] = value >>> 8;
  memory[at + 2] = value >>> 16;
  memory[at + 3] = value >>> 24;
}

/** 2^32: a 64-bit counter is two words, held in one number. */
const WORD = 0x1_0000_0000;

/** The 64-bit counter at `memory[at]`, exact below 2^53 and never below 2^53 when the true value is not. */
export function readCounter(memory: Uint8Array, at: number): number {
  return readUint32(memory, at + 4) * WORD + readUint32(memory, at);
}

/** Writes a counter below 2^53 as 64 bits. */
export function writeCounter(memory: Uint8Array, at: number, counter: number): void {
  writeUint32(memory, at, counter % WORD);
  writeUint32(memory, at + 4, Math.floor(counter / WORD));
}

/**
 * Length of `length` bytes of plaintext after padding. Padding never carries a packet over the tunnel's
 * MTU, because then the sealed packet could exceed what the underlay takes.
 */
export function paddedLength(length: number, mtuBytes: number): number {
  const padded = (length + PADDING_BYTES - 1) & -PADDING_BYTES;
  return padded <= mtuBytes ? padded : Math.max(length, mtuBytes);
}
