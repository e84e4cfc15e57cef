/**
 * Just enough DER (ITU-T X.690) to write a certificate. Writing only: certificates are read by node:crypto.
 */
import { concatBytes } from '@warren/core/base/bytes';
import type { WallTime } from '@warren/core/base/instant';
import { encodeUtf8 } from '@warren/core/base/text';

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
  contextPrimitive: 0x80,
  contextConstructed: 0xa0,
} as const;

/** One element: tag, length in the shortest form, content. */
function element(tag: number, content: Uint8Array): Uint8Array {
  const length = content.length;
  if (length < 0x80) return concatBytes(Uint8Array.of(tag, length), content);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return concatBytes(Uint8Array.of(tag, 0x80 | digits.length, ...digits), content);
}

export const derSequence = (...parts: readonly Uint8Array[]): Uint8Array =>
  element(TAG.sequence, concatBytes(...parts));

export const derSet = (...parts: readonly Uint8Array[]): Uint8Array =>
  element(TAG.set, concatBytes(...parts));

export const derBoolean = (value: boolean): Uint8Array =>
  element(TAG.boolean, Uint8Array.of(value ? 0xff : 0));

export const derOctetString = (content: Uint8Array): Uint8Array =>
  element(TAG.octetString, content);

export const derUtf8 = (text: string): Uint8Array => element(TAG.utf8String, encodeUtf8(text));

/** A positive integer of big-endian bytes. */
export function derInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.subarray(start);
  const signed = (digits[0] ?? 0) >= 0x80;
  return element(TAG.integer, signed ? concatBytes(Uint8Array.of(0), digits) : digits);
}

/** A bit string; `unused` is the number of bits without meaning in the last byte. */
export const derBitString = (content: Uint8Array, unused = 0): Uint8Array =>
  element(TAG.bitString, concatBytes(Uint8Array.of(unused), content));

/** `1.2.840...`; arcs below 2^31. */
export function derObjectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [40 * first + second];
  for (const arc of rest) {
    const septets = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift(0x80 | (left & 0x7f));
    bytes.push(...septets);
  }
  return element(TAG.objectId, Uint8Array.from(bytes));
}

/** UTCTime up to 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). Whole seconds. */
export function derTime(at: WallTime): Uint8Array {
  const digits = new Date(at).toISOString().replace(/\.\d+|[^0-9]/g, '');
  const text = `${digits}Z`;
  return new Date(at).getUTCFullYear() < 2050
    ? element(TAG.utcTime, encodeUtf8(text.slice(2)))
    : element(TAG.generalizedTime, encodeUtf8(text));
}

/** Context-specific element with raw content, such as a name inside a SubjectAltName. */
export const derContext = (number: number, content: Uint8Array): Uint8Array =>
  element(TAG.contextPrimitive | number, content);

/** Context-specific wrapper around complete elements (EXPLICIT tagging). */
export const derExplicit = (number: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  element(TAG.contextConstructed | number, concatBytes(...parts));
