/**
 * The inner disco messages by which nodes find each other. Multi-byte numbers are big-endian.
 *
 *     every message   u8 type, u8 version (0), body
 *     1 ping          transaction id 12, sender's node key 32 (absent in very old senders), padding or what
 *                     Warren nodes add there (ping-extension.ts)
 *     2 pong          transaction id 12, address from which the ping was seen 18
 *     3 callMeMaybe   own addresses, 18 each: "my firewall is open towards you, ping me now"
 *     address         16 bytes IPv6 (IPv4 as ::ffff:a.b.c.d), u16 port
 *
 * Bytes behind a pong are ignored. A later type or version is refused with its own reason: the sender is
 * newer, not broken. CallMeMaybe is only valid over relays, which the caller knows.
 */
import { assert } from '../base/assert.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import { KEY_BYTES, type NodeKey, publicKeyBytes, publicKeyFromBytes } from '../keys/keys.js';
import { ADDRESS_BYTES, addressAt, putAddress } from './address-field.js';
import { decodePingExtension, encodePingExtension, type PingExtension } from './ping-extension.js';

export const MessageType = { ping: 1, pong: 2, callMeMaybe: 3 } as const;

const VERSION = 0;
const HEADER_BYTES = 2;

/** Random per ping. */
export const TRANSACTION_ID_BYTES = 12;

const PONG_BYTES = HEADER_BYTES + TRANSACTION_ID_BYTES + ADDRESS_BYTES;
const PING_BYTES = HEADER_BYTES + TRANSACTION_ID_BYTES + KEY_BYTES;

/**
 * Addresses of a CallMeMaybe that are sent, unless it is to have a stock client guess, and that are kept. Official
 * nodes have no limit, so that a peer can make them ping 3,600 strangers; honest nodes have a dozen.
 */
export const MAX_CALL_ME_MAYBE_ENDPOINTS = 32;

/** A pong over a relay reports this address with the region's number as its port. */
const RELAY_PLACEHOLDER = '127.3.3.40' as IpAddress;

export interface Ping {
  readonly type: 'ping';
  readonly transactionId: Uint8Array;
  /** Believed only if the network map says that this node has the sender's disco key. */
  readonly nodeKey: NodeKey | undefined;
  /** Bytes added to probe the path's MTU, or for the extension. */
  readonly paddingBytes: number;
  /** What a Warren node adds; empty from others. */
  readonly extension: PingExtension;
}

export interface Pong {
  readonly type: 'pong';
  readonly transactionId: Uint8Array;
  /** Our address as the peer saw it. */
  readonly source: Endpoint;
}

export interface CallMeMaybe {
  readonly type: 'call-me-maybe';
  /** At most {@link MAX_CALL_ME_MAYBE_ENDPOINTS}; any address: what may be pinged is the caller's choice. */
  readonly endpoints: readonly Endpoint[];
  /** Endpoints beyond the limit, to be counted. */
  readonly dropped: number;
}

export type DiscoMessage = Ping | Pong | CallMeMaybe;

function putHeader(bytes: Uint8Array, type: number): void {
  bytes[0] = type;
  bytes[1] = VERSION;
}

function putTransactionId(bytes: Uint8Array, transactionId: Uint8Array): void {
  assert(transactionId.length === TRANSACTION_ID_BYTES, 'a transaction id has 12 bytes');
  bytes.set(transactionId, HEADER_BYTES);
}

/** A ping; its datagram has 124 bytes and those of the extension. */
export function encodePing(
  transactionId: Uint8Array,
  nodeKey: NodeKey,
  extension: PingExtension = {},
): Uint8Array {
  const behind = encodePingExtension(extension);
  const bytes = new Uint8Array(PING_BYTES + behind.length);
  bytes.set(behind, PING_BYTES);
  putHeader(bytes, MessageType.ping);
  putTransactionId(bytes, transactionId);
  bytes.set(publicKeyBytes(nodeKey), HEADER_BYTES + TRANSACTION_ID_BYTES);
  return bytes;
}

/** The answer to a ping that came from `source`. */
export function encodePong(transactionId: Uint8Array, source: Endpoint): Uint8Array {
  const bytes = new Uint8Array(PONG_BYTES);
  putHeader(bytes, MessageType.pong);
  putTransactionId(bytes, transactionId);
  putAddress(bytes, HEADER_BYTES + TRANSACTION_ID_BYTES, source);
  return bytes;
}

/** What a pong over the relay of `regionId` reports instead of an address. */
export function relayPongSource(regionId: number): Endpoint {
  return endpoint(RELAY_PLACEHOLDER, regionId & 0xffff);
}

/** Our endpoints, the first `most` of them: the best come first. */
export function encodeCallMeMaybe(
  endpoints: readonly Endpoint[],
  most = MAX_CALL_ME_MAYBE_ENDPOINTS,
): Uint8Array {
  const sent = endpoints.slice(0, most);
  const bytes = new Uint8Array(HEADER_BYTES + ADDRESS_BYTES * sent.length);
  putHeader(bytes, MessageType.callMeMaybe);
  for (const [i, of] of sent.entries()) putAddress(bytes, HEADER_BYTES + ADDRESS_BYTES * i, of);
  return bytes;
}

/**
 * Reads an opened inner message. `unknown-type` and `unknown-version` come from newer senders and are
 * only counted. Arrays in the result are copies.
 */
export function decodeDiscoMessage(inner: Uint8Array): DiscoMessage | DecodeFailure {
  if (inner.length < HEADER_BYTES) return fail('too-short');
  const type = inner[0];
  const known =
    type === MessageType.ping || type === MessageType.pong || type === MessageType.callMeMaybe;
  if (!known) return fail('unknown-type');
  if (inner[1] !== VERSION) return fail('unknown-version');
  if (type === MessageType.callMeMaybe) return decodeCallMeMaybe(inner);
  if (inner.length < HEADER_BYTES + TRANSACTION_ID_BYTES) return fail('too-short');
  return type === MessageType.ping ? decodePing(inner) : decodePong(inner);
}

function decodePing(inner: Uint8Array): Ping {
  const keyAt = HEADER_BYTES + TRANSACTION_ID_BYTES;
  const hasKey = inner.length >= PING_BYTES;
  return {
    type: 'ping',
    transactionId: inner.slice(HEADER_BYTES, keyAt),
    nodeKey: hasKey ? publicKeyFromBytes('node', inner.subarray(keyAt, PING_BYTES)) : undefined,
    paddingBytes: inner.length - (hasKey ? PING_BYTES : keyAt),
    extension: hasKey ? decodePingExtension(inner, PING_BYTES) : {},
  };
}

function decodePong(inner: Uint8Array): Pong | DecodeFailure {
  if (inner.length < PONG_BYTES) return fail('too-short');
  const addressAtByte = HEADER_BYTES + TRANSACTION_ID_BYTES;
  return {
    type: 'pong',
    transactionId: inner.slice(HEADER_BYTES, addressAtByte),
    source: addressAt(inner, addressAtByte),
  };
}

/** A ragged list is an empty one, as official nodes read it: the peer withdraws what it said before. */
function decodeCallMeMaybe(inner: Uint8Array): CallMeMaybe {
  const length = inner.length - HEADER_BYTES;
  const sent = length % ADDRESS_BYTES === 0 ? length / ADDRESS_BYTES : 0;
  const kept = Math.min(sent, MAX_CALL_ME_MAYBE_ENDPOINTS);
  const endpoints = Array.from({ length: kept }, (_, i) =>
    addressAt(inner, HEADER_BYTES + ADDRESS_BYTES * i),
  );
  return { type: 'call-me-maybe', endpoints, dropped: sent - kept };
}
