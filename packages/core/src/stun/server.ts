/**
 * The server's side of STUN: one datagram in, at most one out, nothing kept.
 *
 *     success = header, XOR-MAPPED-ADDRESS                     32 bytes (IPv4) or 44 (IPv6)
 *               then RESPONSE-ORIGIN, OTHER-ADDRESS            24 or 48 more, where the request has the room
 *               before them ADDRESS-TOKEN (20), where asked for and where the request has the room
 *     420     = header, ERROR-CODE, UNKNOWN-ATTRIBUTES         32 to 64 bytes
 *
 * Any well-formed RFC 8489 Binding request is answered, not only official clients': SOFTWARE isn't
 * needed, FINGERPRINT, if present, must be last and right, credentials are ignored. A reply is at most
 * 24 bytes longer than its request, so the server is no worthwhile reflector.
 *
 * A server of several sockets (RFC 5780) answers from another one when CHANGE-REQUEST asks for it: never to
 * anybody but the source, and never with more bytes than it was sent. Without another socket CHANGE-REQUEST
 * is an attribute that it doesn't know.
 *
 * A relay's server gives tokens for the source's address (address-tokens.ts) to who asks for one.
 */
import { assert } from '../base/assert.js';
import { DecodeFailure, fail } from '../base/failure.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  familyOf,
  type IpAddress,
} from '../ip/address.js';
import { ADDRESS_TOKEN_BYTES } from './address-tokens.js';
import { CHANGE_ADDRESS_FLAG, CHANGE_PORT_FLAG, type Change } from './binding.js';
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
  putAddress,
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

/** An address attribute of IPv6. */
const MAX_ADDRESS_ATTRIBUTE_BYTES = ATTRIBUTE_HEADER_BYTES + 20;

/** Largest reply, a success over IPv6 with three addresses and a token; a scratch of this size serves every request. */
export const MAX_REPLY_BYTES: number =
  HEADER_BYTES + 3 * MAX_ADDRESS_ATTRIBUTE_BYTES + ATTRIBUTE_HEADER_BYTES + ADDRESS_TOKEN_BYTES;

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
  AttributeType.padding,
]);

/** The sockets of a server with more than one: two ports, and perhaps two addresses with both ports. */
export interface ServerSockets {
  readonly port: number;
  readonly alternatePort: number | undefined;
  /** As clients know them, at most one of a family; none: answers don't name them. */
  readonly addresses: readonly IpAddress[];
  readonly alternateAddresses: readonly IpAddress[];
  /** A token of {@link ADDRESS_TOKEN_BYTES} for an address; undefined: the server gives none. */
  readonly tokenFor?: ((address: IpAddress) => Uint8Array) | undefined;
}

/** One of {@link ServerSockets}. */
export interface SocketChoice {
  readonly alternateAddress: boolean;
  readonly alternatePort: boolean;
}

/** An answer, and the socket to send it from. */
export interface PlacedReply {
  readonly reply: Uint8Array;
  readonly from: SocketChoice;
}

const NO_CHANGE: Change = { address: false, port: false };

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
  const asked = readAttributes(bytes, header, false);
  if (asked instanceof DecodeFailure) return asked;
  const target = scratch ?? new Uint8Array(MAX_REPLY_BYTES);
  return asked.unknown.length === 0
    ? putSuccess(target, header.transactionId, source)
    : putUnknown(target, header.transactionId, asked.unknown);
}

/** As {@link answerBindingRequest}, of a server with several sockets, of which `at` received the datagram. */
export function answerFromSockets(
  bytes: Uint8Array,
  source: Endpoint,
  sockets: ServerSockets,
  at: SocketChoice,
): PlacedReply | DecodeFailure {
  const header = decodeHeader(bytes);
  if (header instanceof DecodeFailure) return header;
  if (header.type !== MessageType.bindingRequest) return fail('not-a-binding-request');
  if (header.end !== bytes.length) return fail('bad-length');
  const asked = readAttributes(bytes, header, true);
  if (asked instanceof DecodeFailure) return asked;
  const { change } = asked;
  const target = new Uint8Array(MAX_REPLY_BYTES);
  const family = familyOf(endpointAddress(source));
  const own = addressOf(sockets.addresses, family);
  const alternate = addressOf(sockets.alternateAddresses, family);
  const isImpossible =
    (change.port && sockets.alternatePort === undefined) ||
    (change.address && alternate === undefined);
  const unknown = isImpossible ? [AttributeType.changeRequest, ...asked.unknown] : asked.unknown;
  if (unknown.length > 0) {
    const named = unknown.slice(0, MAX_UNKNOWN_ATTRIBUTES);
    return { reply: putUnknown(target, header.transactionId, named), from: at };
  }
  const from: SocketChoice = {
    alternateAddress: at.alternateAddress !== change.address,
    alternatePort: at.alternatePort !== change.port,
  };
  const success = putSuccess(target, header.transactionId, source);
  if ((change.address || change.port) && success.length > bytes.length) {
    return fail('change-request-too-short');
  }
  const token = asked.token ? sockets.tokenFor : undefined;
  const withToken = success.length + ATTRIBUTE_HEADER_BYTES + ADDRESS_TOKEN_BYTES <= bytes.length;
  const reply =
    token === undefined || !withToken
      ? success
      : putToken(target, success.length, token(endpointAddress(source)));
  const portOf = (isAlternate: boolean): number =>
    (isAlternate ? sockets.alternatePort : undefined) ?? sockets.port;
  const addressAt = (isAlternate: boolean): IpAddress | undefined =>
    isAlternate ? alternate : own;
  const origin = addressAt(from.alternateAddress);
  const other = addressAt(!at.alternateAddress) ?? own;
  if (origin === undefined || other === undefined) return { reply, from };
  const whole = putPlaces(target, reply.length, [
    [AttributeType.responseOrigin, endpoint(origin, portOf(from.alternatePort))],
    [AttributeType.otherAddress, endpoint(other, portOf(!at.alternatePort))],
  ]);
  return { reply: whole.length <= bytes.length ? whole : replyAlone(target, reply), from };
}

function addressOf(addresses: readonly IpAddress[], family: 4 | 6): IpAddress | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

/** Appends a token to a success of `end` bytes. */
function putToken(target: Uint8Array, end: number, token: Uint8Array): Uint8Array {
  assert(token.length === ADDRESS_TOKEN_BYTES, 'a token has 16 bytes');
  target.set(token, putAttribute(target, end, AttributeType.addressToken, token.length));
  const whole = end + ATTRIBUTE_HEADER_BYTES + token.length;
  writeU16(target, 2, whole - HEADER_BYTES);
  return target.subarray(0, whole);
}

/** Appends plain addresses to a success of `end` bytes. */
function putPlaces(
  target: Uint8Array,
  end: number,
  places: readonly (readonly [number, Endpoint])[],
): Uint8Array {
  let at = end;
  for (const [type, of] of places) {
    const length = addressValueBytes(of);
    putAddress(target, putAttribute(target, at, type, length), of);
    at += ATTRIBUTE_HEADER_BYTES + length;
  }
  writeU16(target, 2, at - HEADER_BYTES);
  return target.subarray(0, at);
}

/** Takes back what {@link putPlaces} appended. */
function replyAlone(target: Uint8Array, reply: Uint8Array): Uint8Array {
  writeU16(target, 2, reply.length - HEADER_BYTES);
  return reply;
}

interface Asked {
  /** Comprehension-required attributes that this server doesn't know, each once. */
  readonly unknown: number[];
  readonly change: Change;
  readonly token: boolean;
}

function readAttributes(
  bytes: Uint8Array,
  header: StunHeader,
  mayChange: boolean,
): Asked | DecodeFailure {
  const unknown: number[] = [];
  let change = NO_CHANGE;
  let token = false;
  let sealed = false;
  const failure = walkAttributes(bytes, header.end, (type, at, length) => {
    if (type === AttributeType.fingerprint) return checkFingerprint(bytes, header, at, length);
    // What follows MESSAGE-INTEGRITY is ignored (RFC 8489 section 14.5): its tag does not cover it.
    if (sealed) return undefined;
    sealed =
      type === AttributeType.messageIntegrity || type === AttributeType.messageIntegritySha256;
    if (mayChange && type === AttributeType.changeRequest) {
      if (length !== 4) return fail('bad-change-request');
      const flags = readU32(bytes, at);
      change = {
        address: (flags & CHANGE_ADDRESS_FLAG) !== 0,
        port: (flags & CHANGE_PORT_FLAG) !== 0,
      };
      return undefined;
    }
    token ||= type === AttributeType.addressToken;
    const needed = type < COMPREHENSION_OPTIONAL_FROM && !IGNORED.has(type);
    if (needed && unknown.length < MAX_UNKNOWN_ATTRIBUTES && !unknown.includes(type)) {
      unknown.push(type);
    }
    return undefined;
  });
  return failure ?? { unknown, change, token };
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
