/**
 * The node's side of a STUN Binding: a request of 40 bytes, and what its answer says.
 *
 *     request = header, SOFTWARE "tailnode" (12), FINGERPRINT (8)
 *
 * Official relays answer exactly this request and drop any other, so its bytes are fixed. Relays that say so in
 * the relay map also take a CHANGE-REQUEST: the answer is to come from another port or address of theirs.
 *
 *     change = header, SOFTWARE (12), CHANGE-REQUEST (8), FINGERPRINT (8)                    48 bytes
 *
 * Relays that the map calls Warren's also give a token for the mapped address (address-tokens.ts):
 *
 *     token  = header, SOFTWARE (12), ADDRESS-TOKEN with 20 zeros (24), FINGERPRINT (8)      64 bytes
 *
 * which is as long as its answer over IPv6: nobody is sent more bytes than it sent.
 *
 * Source: RFC 8489, RFC 5780 section 7; the rules of the Tailscale world's STUN servers and clients.
 */
import { DecodeFailure, fail } from '../base/failure.js';
import { encodeUtf8 } from '../base/text.js';
import { type Endpoint, endpointAddress, endpointPort } from '../ip/address.js';
import { isLoopback, isMulticast, isUnspecified } from '../ip/classes.js';
import { ADDRESS_TOKEN_BYTES } from './address-tokens.js';
import {
  ATTRIBUTE_HEADER_BYTES,
  AttributeType,
  decodeHeader,
  FINGERPRINT_BYTES,
  HEADER_BYTES,
  MessageType,
  putAttribute,
  putFingerprint,
  putHeader,
  readAddress,
  walkAttributes,
  writeU32,
} from './message.js';

/** The name that official servers want to read; 8 bytes, so without padding. */
const SOFTWARE = encodeUtf8('tailnode');

const SOFTWARE_BYTES = ATTRIBUTE_HEADER_BYTES + SOFTWARE.length;

export const BINDING_REQUEST_BYTES = HEADER_BYTES + SOFTWARE_BYTES + FINGERPRINT_BYTES;

const CHANGE_REQUEST_BYTES = ATTRIBUTE_HEADER_BYTES + 4;

/** With what remains of a request, room for a token beside an address of IPv6. */
const TOKEN_ROOM_BYTES = 20;
const TOKEN_REQUEST_BYTES = ATTRIBUTE_HEADER_BYTES + TOKEN_ROOM_BYTES;

export const CHANGE_ADDRESS_FLAG = 0x4;
export const CHANGE_PORT_FLAG = 0x2;

/** An answer is some 100 bytes; one that doesn't fit IPv6's least MTU is no STUN server's. */
export const MAX_RESPONSE_BYTES = 1280;

/** From where else than the address asked a server is to answer. */
export interface Change {
  readonly address: boolean;
  readonly port: boolean;
}

/** What a server saw. */
export interface BindingResponse {
  /** 12 bytes, shared with the datagram. */
  readonly transactionId: Uint8Array;
  /** The source of our request as the server saw it. */
  readonly mapped: Endpoint;
  /** Where the server says it answered from; undefined: it doesn't say, or not legibly. */
  readonly origin: Endpoint | undefined;
  /** The server's other address and port, from where a {@link Change} of both is answered. */
  readonly other: Endpoint | undefined;
  /** Shows that we receive at the mapped address: 16 bytes, a copy. */
  readonly addressToken?: Uint8Array;
}

/** Settings of {@link decodeBindingResponse}. */
export interface BindingResponseOptions {
  /** Take 127.0.0.0/8 and ::1, which only a server on this very machine can see; default false. */
  readonly allowLoopback?: boolean;
}

/** A Binding request; the transaction id is 12 random bytes, never used twice. */
export function encodeBindingRequest(transactionId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BINDING_REQUEST_BYTES);
  putHeader(bytes, MessageType.bindingRequest, bytes.length - HEADER_BYTES, transactionId);
  bytes.set(SOFTWARE, putAttribute(bytes, HEADER_BYTES, AttributeType.software, SOFTWARE.length));
  putFingerprint(bytes, HEADER_BYTES + SOFTWARE_BYTES);
  return bytes;
}

/**
 * Reads the answer to a Binding request. The caller checks that the transaction is its own, used once,
 * and that the answer came from the IP that it asked: STUN has no other protection.
 *
 * The XOR form wins over MAPPED-ADDRESS, which some NATs rewrite. Several addresses of one form must
 * agree. FINGERPRINT is not checked: official servers send none. Reasons to tell apart: `stray-request`
 * (a hairpin test of an old node, harmless) and `error-response`.
 */
export function decodeBindingResponse(
  bytes: Uint8Array,
  options: BindingResponseOptions = {},
): BindingResponse | DecodeFailure {
  if (bytes.length > MAX_RESPONSE_BYTES) return fail('too-long');
  const header = decodeHeader(bytes);
  if (header instanceof DecodeFailure) return header;
  if (header.type === MessageType.bindingRequest) return fail('stray-request');
  if (header.type === MessageType.bindingError) return fail('error-response');
  if (header.type !== MessageType.bindingSuccess) return fail('bad-type');

  let xored: Endpoint | undefined;
  let plain: Endpoint | DecodeFailure | undefined;
  let origin: Endpoint | undefined;
  let other: Endpoint | undefined;
  let addressToken: Uint8Array | undefined;
  const failure = walkAttributes(bytes, header.end, (type, at, length) => {
    if (type === AttributeType.mappedAddress) {
      plain = agree(plain, readAddress(bytes, at, length, false));
    }
    if (type === AttributeType.responseOrigin) origin = readHint(bytes, at, length);
    if (type === AttributeType.otherAddress) other = readHint(bytes, at, length);
    if (type === AttributeType.addressToken && length === ADDRESS_TOKEN_BYTES) {
      addressToken = new Uint8Array(bytes.subarray(at, at + length));
    }
    if (!isXorMappedAddress(type)) return undefined;
    const result = agree(xored, readAddress(bytes, at, length, true));
    if (result instanceof DecodeFailure) return result;
    xored = result;
    return undefined;
  });
  if (failure !== undefined) return failure;
  const mapped = xored ?? plain ?? fail('no-address');
  if (mapped instanceof DecodeFailure) return mapped;
  const absurd = absurdity(mapped, options.allowLoopback ?? false);
  if (absurd !== undefined) return absurd;
  const { transactionId } = header;
  const token = addressToken === undefined ? {} : { addressToken };
  return { transactionId, mapped, origin, other, ...token };
}

/** An address beside the one that was asked for: an illegible one spoils nothing. */
function readHint(bytes: Uint8Array, at: number, length: number): Endpoint | undefined {
  const read = readAddress(bytes, at, length, false);
  return read instanceof DecodeFailure ? undefined : read;
}

/** A Binding request whose answer is to come from elsewhere. */
export function encodeChangeRequest(transactionId: Uint8Array, change: Change): Uint8Array {
  const bytes = new Uint8Array(BINDING_REQUEST_BYTES + CHANGE_REQUEST_BYTES);
  putHeader(bytes, MessageType.bindingRequest, bytes.length - HEADER_BYTES, transactionId);
  bytes.set(SOFTWARE, putAttribute(bytes, HEADER_BYTES, AttributeType.software, SOFTWARE.length));
  const at = putAttribute(bytes, HEADER_BYTES + SOFTWARE_BYTES, AttributeType.changeRequest, 4);
  const flags = (change.address ? CHANGE_ADDRESS_FLAG : 0) | (change.port ? CHANGE_PORT_FLAG : 0);
  writeU32(bytes, at, flags);
  putFingerprint(bytes, HEADER_BYTES + SOFTWARE_BYTES + CHANGE_REQUEST_BYTES);
  return bytes;
}

/** A Binding request that also asks for a token for the mapped address; only for servers known to be Warren's. */
export function encodeTokenRequest(transactionId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BINDING_REQUEST_BYTES + TOKEN_REQUEST_BYTES);
  putHeader(bytes, MessageType.bindingRequest, bytes.length - HEADER_BYTES, transactionId);
  bytes.set(SOFTWARE, putAttribute(bytes, HEADER_BYTES, AttributeType.software, SOFTWARE.length));
  putAttribute(bytes, HEADER_BYTES + SOFTWARE_BYTES, AttributeType.addressToken, TOKEN_ROOM_BYTES);
  putFingerprint(bytes, HEADER_BYTES + SOFTWARE_BYTES + TOKEN_REQUEST_BYTES);
  return bytes;
}

function isXorMappedAddress(type: number): boolean {
  return type === AttributeType.xorMappedAddress || type === AttributeType.xorMappedAddressOfDrafts;
}

/** `next` unless it contradicts what another attribute of the same form said. */
function agree(
  known: Endpoint | DecodeFailure | undefined,
  next: Endpoint | DecodeFailure,
): Endpoint | DecodeFailure {
  if (known === undefined || known === next) return next;
  if (known instanceof DecodeFailure) return known;
  return next instanceof DecodeFailure ? next : fail('contradicting-addresses');
}

/** Addresses that no packet of ours can have had out there. */
function absurdity(mapped: Endpoint, allowLoopback: boolean): DecodeFailure | undefined {
  const address = endpointAddress(mapped);
  if (endpointPort(mapped) === 0) return fail('port-zero');
  if (isUnspecified(address) || isMulticast(address)) return fail('absurd-address');
  if (isLoopback(address) && !allowLoopback) return fail('loopback-address');
  return undefined;
}
