/**
 * The server's side of STUN: one datagram in, at most one out, nothing kept.
 *
 *     success = header, XOR-MAPPED-ADDRESS                     32 bytes (IPv4) or 44 (IPv6)
 *     420     = header, ERROR-CODE, UNKNOWN-ATTRIBUTES         32 to 64 bytes
 *
 * Any well-formed RFC 8489 Binding request is answered, not only official clients': SOFTWARE isn't
 * needed, FINGERPRINT, if present, must be last and right, credentials are ignored. A reply is at most
 * 24 bytes longer than its request, so the server is no worthwhile reflector.
 */
import { assert } from '../base/assert.js';
import { DecodeFailure, fail } from '../base/failure.js';
import type { Endpoint } from '../ip/address.js';
import {
  ATTRIBUTE_HEADER_BYTES,
  AttributeType,
  addressValueBytes,
  COMPREHENSION_OPTIONAL_FROM,
  decodeHeader,
  fingerprintOf,
  HEADER_BYTES,
  MessageType,
  padded,
  putAttribute,
  putHeader,
  putXorAddress,
  readU32,
  type StunHeader,
  walkAttributes,
  writeU16,
} from './message.js';

/** Unknown attributes named in a 420; no client looks at more, and the reply stays small. */
const MAX_UNKNOWN_ATTRIBUTES = 14;

/** Without a reason phrase: class, number, nothing else. */
const ERROR_CODE_VALUE_BYTES = 4;

/** Largest reply; a scratch of this size serves every request. */
export const MAX_REPLY_BYTES =
  HEADER_BYTES +
  (ATTRIBUTE_HEADER_BYTES + ERROR_CODE_VALUE_BYTES) +
  (ATTRIBUTE_HEADER_BYTES + 2 * MAX_UNKNOWN_ATTRIBUTES);

/** RFC 8489 section 14.8: a comprehension-required attribute isn't known. */
const UNKNOWN_ATTRIBUTE_CODE = 420;

/** Comprehension-required attributes that may stand in a request and mean nothing to this server. */
const IGNORED: ReadonlySet<number> = new Set([
  AttributeType.mappedAddress,
  AttributeType.username,
  AttributeType.messageIntegrity,
  AttributeType.errorCode,
  AttributeType.unknownAttributes,
  AttributeType.realm,
  AttributeType.nonce,
  AttributeType.messageIntegritySha256,
  AttributeType.passwordAlgorithm,
  AttributeType.userhash,
  AttributeType.xorMappedAddress,
]);

/**
 * The reply to a datagram that came from `source`, or why it deserves none. The reply lies at the start
 * of `scratch` when one of at least {@link MAX_REPLY_BYTES} is given, and is valid until its next use;
 * the two may not be the same memory.
 */
export function answerBindingRequest(
  bytes: Uint8Array,
  source: Endpoint,
  scratch?: Uint8Array,
): Uint8Array | DecodeFailure {
  assert(scratch === undefined || scratch.length >= MAX_REPLY_BYTES, 'a scratch holds any reply');
  const header = decodeHeader(bytes);
  if (header instanceof DecodeFailure) return header;
  if (header.type !== MessageType.bindingRequest) return fail('not-a-binding-request');
  if (header.end !== bytes.length) return fail('bad-length');
  const unknown = unknownAttributes(bytes, header);
  if (unknown instanceof DecodeFailure) return unknown;
  const target = scratch ?? new Uint8Array(MAX_REPLY_BYTES);
  return unknown.length === 0
    ? putSuccess(target, header.transactionId, source)
    : putUnknown(target, header.transactionId, unknown);
}

/** Comprehension-required attributes that this server doesn't know, each once. */
function unknownAttributes(bytes: Uint8Array, header: StunHeader): number[] | DecodeFailure {
  const unknown: number[] = [];
  let sealed = false;
  const failure = walkAttributes(bytes, header.end, (type, at, length) => {
    if (type === AttributeType.fingerprint) return checkFingerprint(bytes, header, at, length);
    // What follows MESSAGE-INTEGRITY is ignored (RFC 8489 section 14.5): its tag does not cover it.
    if (sealed) return undefined;
    sealed =
      type === AttributeType.messageIntegrity || type === AttributeType.messageIntegritySha256;
    const needed = type < COMPREHENSION_OPTIONAL_FROM && !IGNORED.has(type);
    if (needed && unknown.length < MAX_UNKNOWN_ATTRIBUTES && !unknown.includes(type)) {
      unknown.push(type);
    }
    return undefined;
  });
  return failure ?? unknown;
}

function checkFingerprint(
  bytes: Uint8Array,
  header: StunHeader,
  at: number,
  length: number,
): DecodeFailure | undefined {
  if (length !== 4) return fail('bad-fingerprint');
  if (at + length !== header.end) return fail('fingerprint-not-last');
  const expected = fingerprintOf(bytes, at - ATTRIBUTE_HEADER_BYTES);
  return readU32(bytes, at) === expected ? undefined : fail('bad-fingerprint');
}

function putSuccess(target: Uint8Array, transactionId: Uint8Array, source: Endpoint): Uint8Array {
  const length = addressValueBytes(source);
  const end = HEADER_BYTES + ATTRIBUTE_HEADER_BYTES + length;
  putHeader(target, MessageType.bindingSuccess, end - HEADER_BYTES, transactionId);
  const at = putAttribute(target, HEADER_BYTES, AttributeType.xorMappedAddress, length);
  putXorAddress(target, at, source);
  return target.subarray(0, end);
}

function putUnknown(
  target: Uint8Array,
  transactionId: Uint8Array,
  unknown: readonly number[],
): Uint8Array {
  let at = putAttribute(target, HEADER_BYTES, AttributeType.errorCode, ERROR_CODE_VALUE_BYTES);
  writeU16(target, at, 0);
  target[at + 2] = Math.floor(UNKNOWN_ATTRIBUTE_CODE / 100);
  target[at + 3] = UNKNOWN_ATTRIBUTE_CODE % 100;
  at += ERROR_CODE_VALUE_BYTES;
  at = putAttribute(target, at, AttributeType.unknownAttributes, 2 * unknown.length);
  const end = at + padded(2 * unknown.length);
  target.fill(0, at, end);
  for (const [i, type] of unknown.entries()) writeU16(target, at + 2 * i, type);
  putHeader(target, MessageType.bindingError, end - HEADER_BYTES, transactionId);
  return target.subarray(0, end);
}
