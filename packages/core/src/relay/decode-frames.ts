/**
 * Reads the payload of each DERP frame.
 *
 *     ServerKey      8 magic | 32 server key | ignored
 *     ClientInfo     32 client key | 24 nonce | box
 *     ServerInfo     24 nonce | box
 *     SendPacket     32 target | packet
 *     RecvPacket     32 source | packet
 *     KeepAlive      ignored
 *     NotePreferred  1: home or not
 *     PeerGone       32 key | 1 reason (may be missing)
 *     PeerPresent    32 key | 16 IP | 2 port | 1 flags (each may be missing from there on)
 *     ForwardPacket  32 source | 32 target | packet
 *     WatchConns     empty
 *     ClosePeer      32 key
 *     Ping, Pong     8 opaque | ignored
 *     Health         UTF-8 text
 *     Restarting     u32 reconnect in ms | u32 try for ms | ignored
 *     DialBack       12 token | u16 port | u8 1: from the alternate port | zero up to 28 bytes | ignored
 *     DialBackAnswer 12 token | 1 outcome | 16 IP | u16 port | ignored
 *     AddressCheck   8 id | 16 IP | 16 token | ignored
 *     AddressCheckAnswer 8 id | 1 outcome | ignored
 *
 * `undefined`: a type that this side doesn't know. A {@link DecodeFailure}: the type is ours, the payload is not;
 * the machines decide whether that skips the frame or ends the connection.
 */
import { equalBytes, viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { decodeUtf8 } from '../base/text.js';
import { addressFromBytes, endpoint } from '../ip/address.js';
import { isUnspecified } from '../ip/classes.js';
import { type NodeKey, publicKeyFromBytes } from '../keys/keys.js';
import {
  ADDRESS_CHECK_ANSWER_BYTES,
  ADDRESS_CHECK_BYTES,
  ADDRESS_CHECK_ID_BYTES,
  ADDRESS_CHECK_OUTCOME,
  BOX_TAG_BYTES,
  type ClientFrame,
  DIAL_BACK_ANSWER_BYTES,
  DIAL_BACK_BYTES,
  DIAL_BACK_FLAGS_AT,
  DIAL_BACK_FROM_ALTERNATE,
  DIAL_BACK_OUTCOME,
  DIAL_BACK_TOKEN_BYTES,
  FrameType,
  HEALTH_TEXT_MAX_BYTES,
  KEY_BYTES,
  MAGIC,
  NONCE_BYTES,
  PACKET_MAX_BYTES,
  PEER_GONE_REASON,
  type PeerPresence,
  PING_BYTES,
  PING_MAX_BYTES,
  type RawFrame,
  SERVER_KEY_BYTES,
  type ServerFrame,
} from './frames.js';

export type ServerFrameFailure =
  | 'bad-magic'
  | 'short-server-key'
  | 'short-server-info'
  | 'short-packet'
  | 'long-packet'
  | 'short-peer-gone'
  | 'short-peer-present'
  | 'short-ping'
  | 'short-pong'
  | 'short-restarting'
  | 'short-dial-back-answer'
  | 'short-address-check-answer'
  | 'bad-health';

export type ClientFrameFailure =
  | 'short-client-info'
  | 'short-packet'
  | 'long-packet'
  | 'bad-note-preferred'
  | 'bad-watch-connections'
  | 'bad-close-peer'
  | 'bad-dial-back'
  | 'bad-address-check'
  | 'bad-ping';

/** Reads the key at `payload[at .. at + 32)`; a connection passes its memo (node-key-memo.ts). */
export type ReadNodeKey = (payload: Uint8Array, at: number) => NodeKey;

const keyAt: ReadNodeKey = (payload, at) =>
  publicKeyFromBytes('node', payload.subarray(at, at + KEY_BYTES));

function decodeServerKey(payload: Uint8Array): ServerFrame | DecodeFailure<ServerFrameFailure> {
  if (payload.length < SERVER_KEY_BYTES) return fail('short-server-key');
  if (!equalBytes(payload.subarray(0, MAGIC.length), MAGIC)) return fail('bad-magic');
  const key = publicKeyFromBytes('relay', payload.subarray(MAGIC.length, SERVER_KEY_BYTES));
  return { type: 'server-key', key };
}

function decodePresence(payload: Uint8Array): PeerPresence | DecodeFailure<ServerFrameFailure> {
  if (payload.length < KEY_BYTES) return fail('short-peer-present');
  const tail = payload.subarray(KEY_BYTES);
  return {
    peer: keyAt(payload, 0),
    address: tail.length >= 16 ? addressFromBytes(tail.slice(0, 16)) : undefined,
    port: tail.length >= 18 ? viewOf(tail).getUint16(16) : undefined,
    flags: tail[18] ?? 0,
  };
}

/** A text cut at the limit may end inside a character, so its last bytes are given up until it decodes. */
function decodeHealth(payload: Uint8Array): ServerFrame | DecodeFailure<ServerFrameFailure> {
  if (payload.length <= HEALTH_TEXT_MAX_BYTES) {
    const problem = decodeUtf8(payload);
    return problem === undefined ? fail('bad-health') : { type: 'health', problem };
  }
  for (let length = HEALTH_TEXT_MAX_BYTES; length > HEALTH_TEXT_MAX_BYTES - 4; length--) {
    const problem = decodeUtf8(payload.subarray(0, length));
    if (problem !== undefined) return { type: 'health', problem };
  }
  return fail('bad-health');
}

/** The port is the one that was asked for; an unspecified address: nothing was sent. */
function decodeDialBackAnswer(
  payload: Uint8Array,
): ServerFrame | DecodeFailure<ServerFrameFailure> {
  if (payload.length < DIAL_BACK_ANSWER_BYTES) return fail('short-dial-back-answer');
  const addressAt = DIAL_BACK_TOKEN_BYTES + 1;
  const address = addressFromBytes(payload.slice(addressAt, addressAt + 16));
  const port = viewOf(payload).getUint16(addressAt + 16);
  const code = payload[DIAL_BACK_TOKEN_BYTES];
  const isSent = code === DIAL_BACK_OUTCOME.sent && !isUnspecified(address) && port !== 0;
  const isLimited = code === DIAL_BACK_OUTCOME['rate-limited'];
  return {
    type: 'dial-back-answer',
    token: payload.slice(0, DIAL_BACK_TOKEN_BYTES),
    outcome: isSent ? 'sent' : isLimited ? 'rate-limited' : 'unavailable',
    target: isSent ? endpoint(address, port) : undefined,
  };
}

function decodeAddressCheckAnswer(
  payload: Uint8Array,
): ServerFrame | DecodeFailure<ServerFrameFailure> {
  if (payload.length < ADDRESS_CHECK_ANSWER_BYTES) return fail('short-address-check-answer');
  const code = payload[ADDRESS_CHECK_ID_BYTES];
  const { yes, no } = ADDRESS_CHECK_OUTCOME;
  const outcome = code === yes ? 'yes' : code === no ? 'no' : 'refused';
  const id = new Uint8Array(payload.subarray(0, ADDRESS_CHECK_ID_BYTES));
  return { type: 'address-check-answer', id, outcome };
}

/** What a client makes of a frame. Packets are copies of their own memory; the rest is borrowed. */
export function decodeServerFrame(
  frame: RawFrame,
  readKey: ReadNodeKey = keyAt,
): ServerFrame | DecodeFailure<ServerFrameFailure> | undefined {
  const { type, payload } = frame;
  switch (type) {
    case FrameType.serverKey:
      return decodeServerKey(payload);
    case FrameType.serverInfo:
      if (payload.length < NONCE_BYTES + BOX_TAG_BYTES) return fail('short-server-info');
      return {
        type: 'server-info',
        nonce: payload.subarray(0, NONCE_BYTES),
        box: payload.subarray(NONCE_BYTES),
      };
    case FrameType.recvPacket:
      if (payload.length < KEY_BYTES) return fail('short-packet');
      if (payload.length > KEY_BYTES + PACKET_MAX_BYTES) return fail('long-packet');
      return { type: 'packet', source: readKey(payload, 0), packet: payload.slice(KEY_BYTES) };
    case FrameType.keepAlive:
      return { type: 'keep-alive' };
    case FrameType.peerGone: {
      if (payload.length < KEY_BYTES) return fail('short-peer-gone');
      // Old servers leave the reason away; they mean "disconnected", and so may any reason that comes later.
      const notHere = payload[KEY_BYTES] === PEER_GONE_REASON['not-here'];
      const reason = notHere ? 'not-here' : 'disconnected';
      return { type: 'peer-gone', peer: keyAt(payload, 0), reason };
    }
    case FrameType.peerPresent: {
      const presence = decodePresence(payload);
      return 'peer' in presence ? { type: 'peer-present', presence } : presence;
    }
    case FrameType.ping:
      if (payload.length < PING_BYTES) return fail('short-ping');
      return { type: 'ping', data: payload.slice(0, PING_BYTES) };
    case FrameType.pong:
      if (payload.length < PING_BYTES) return fail('short-pong');
      return { type: 'pong', data: payload.slice(0, PING_BYTES) };
    case FrameType.health:
      return decodeHealth(payload);
    case FrameType.restarting: {
      if (payload.length < 8) return fail('short-restarting');
      const view = viewOf(payload);
      return {
        type: 'restarting',
        reconnectInMs: view.getUint32(0),
        tryForMs: view.getUint32(4),
      };
    }
    case FrameType.dialBackAnswer:
      return decodeDialBackAnswer(payload);
    case FrameType.addressCheckAnswer:
      return decodeAddressCheckAnswer(payload);
    default:
      return undefined;
  }
}

/** What a server makes of a frame. Everything is borrowed from the reader. */
export function decodeClientFrame(
  frame: RawFrame,
  readKey: ReadNodeKey = keyAt,
): ClientFrame | DecodeFailure<ClientFrameFailure> | undefined {
  const { type, payload } = frame;
  switch (type) {
    case FrameType.clientInfo:
      if (payload.length < KEY_BYTES + NONCE_BYTES) return fail('short-client-info');
      return {
        type: 'client-info',
        key: keyAt(payload, 0),
        nonce: payload.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
        box: payload.subarray(KEY_BYTES + NONCE_BYTES),
      };
    case FrameType.sendPacket:
      if (payload.length < KEY_BYTES) return fail('short-packet');
      if (payload.length > KEY_BYTES + PACKET_MAX_BYTES) return fail('long-packet');
      return { type: 'send', target: readKey(payload, 0), packet: payload.subarray(KEY_BYTES) };
    case FrameType.forwardPacket:
      if (payload.length < 2 * KEY_BYTES) return fail('short-packet');
      if (payload.length > 2 * KEY_BYTES + PACKET_MAX_BYTES) return fail('long-packet');
      return {
        type: 'forward',
        source: keyAt(payload, 0),
        target: keyAt(payload, KEY_BYTES),
        packet: payload.subarray(2 * KEY_BYTES),
      };
    case FrameType.notePreferred:
      if (payload.length !== 1) return fail('bad-note-preferred');
      return { type: 'note-preferred', home: payload[0] !== 0 };
    case FrameType.watchConns:
      return payload.length === 0 ? { type: 'watch-connections' } : fail('bad-watch-connections');
    case FrameType.closePeer:
      if (payload.length !== KEY_BYTES) return fail('bad-close-peer');
      return { type: 'close-peer', peer: keyAt(payload, 0) };
    case FrameType.ping:
    case FrameType.pong: {
      if (payload.length < PING_BYTES || payload.length > PING_MAX_BYTES) return fail('bad-ping');
      const data = payload.slice(0, PING_BYTES);
      return { type: type === FrameType.ping ? 'ping' : 'pong', data };
    }
    case FrameType.dialBack: {
      // The length is what keeps the answer's datagram from being longer than its request.
      const port =
        payload.length < DIAL_BACK_BYTES ? 0 : viewOf(payload).getUint16(DIAL_BACK_TOKEN_BYTES);
      if (port === 0) return fail('bad-dial-back');
      const flags = payload[DIAL_BACK_FLAGS_AT] ?? 0;
      const fromAlternate = (flags & DIAL_BACK_FROM_ALTERNATE) !== 0;
      const token = payload.slice(0, DIAL_BACK_TOKEN_BYTES);
      return { type: 'dial-back', token, port, fromAlternate };
    }
    case FrameType.addressCheck: {
      if (payload.length < ADDRESS_CHECK_BYTES) return fail('bad-address-check');
      const tokenAt = ADDRESS_CHECK_ID_BYTES + 16;
      return {
        type: 'address-check',
        id: new Uint8Array(payload.subarray(0, ADDRESS_CHECK_ID_BYTES)),
        address: addressFromBytes(payload.slice(ADDRESS_CHECK_ID_BYTES, tokenAt)),
        token: new Uint8Array(payload.subarray(tokenAt, ADDRESS_CHECK_BYTES)),
      };
    }
    default:
      return undefined;
  }
}
