/**
 * A STUN Binding indication: asks for nothing and says that a datagram got here. A relay's dial-back is one.
 *
 *     indication = header (transaction id: the token of who asked for it), FINGERPRINT       28 bytes
 *
 * Nobody answers an indication (RFC 8489 section 6.3.2), so whom it reaches by mistake stays silent.
 */
import { DecodeFailure, fail } from '../base/failure.js';
import {
  ATTRIBUTE_HEADER_BYTES,
  AttributeType,
  decodeHeader,
  FINGERPRINT_BYTES,
  fingerprintOf,
  HEADER_BYTES,
  MessageType,
  putFingerprint,
  putHeader,
  readU32,
  walkAttributes,
} from './message.js';

export const BINDING_INDICATION_BYTES: number = HEADER_BYTES + FINGERPRINT_BYTES;

/** A Binding indication with this transaction id of 12 bytes. */
export function encodeBindingIndication(transactionId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BINDING_INDICATION_BYTES);
  putHeader(bytes, MessageType.bindingIndication, FINGERPRINT_BYTES, transactionId);
  putFingerprint(bytes, HEADER_BYTES);
  return bytes;
}

/** True when the datagram's header says that it is a Binding indication, whatever else is wrong with it. */
export function isBindingIndication(bytes: Uint8Array): boolean {
  const header = decodeHeader(bytes);
  return !(header instanceof DecodeFailure) && header.type === MessageType.bindingIndication;
}

/** The transaction id, a copy; a failure unless FINGERPRINT is there, last and right. */
export function decodeBindingIndication(bytes: Uint8Array): Uint8Array | DecodeFailure {
  const header = decodeHeader(bytes);
  if (header instanceof DecodeFailure) return header;
  if (header.type !== MessageType.bindingIndication) return fail('bad-type');
  if (header.end !== bytes.length) return fail('bad-length');
  let fingerprints = 0;
  const failure = walkAttributes(bytes, header.end, (type, at, length) => {
    if (type !== AttributeType.fingerprint) return undefined;
    const expected = fingerprintOf(bytes, at - ATTRIBUTE_HEADER_BYTES);
    if (length !== 4 || readU32(bytes, at) !== expected) return fail('bad-fingerprint');
    fingerprints++;
    return at + length === header.end ? undefined : fail('fingerprint-not-last');
  });
  if (failure !== undefined) return failure;
  return fingerprints === 0 ? fail('no-fingerprint') : new Uint8Array(header.transactionId);
}
