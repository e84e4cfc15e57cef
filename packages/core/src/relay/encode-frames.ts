/** Writes DERP frames, header included. Layouts: decode-frames.ts shows them beside their readers. */

import { assert } from '../base/assert.js';
import { viewOf } from '../base/bytes.js';
import { encodeUtf8 } from '../base/text.js';
import type { AddressCheckAnswer } from '../engines/address-check.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import { addressBytes16, endpointAddress, endpointPort, type IpAddress } from '../ip/address.js';
import { type NodeKey, publicKeyBytes, type RelayKey } from '../keys/keys.js';
import {
  ADDRESS_CHECK_ANSWER_BYTES,
  ADDRESS_CHECK_BYTES,
  ADDRESS_CHECK_ID_BYTES,
  ADDRESS_CHECK_OUTCOME,
  ADDRESS_CHECK_TOKEN_BYTES,
  DIAL_BACK_ANSWER_BYTES,
  DIAL_BACK_BYTES,
  DIAL_BACK_FLAGS_AT,
  DIAL_BACK_FROM_ALTERNATE,
  DIAL_BACK_OUTCOME,
  DIAL_BACK_TOKEN_BYTES,
  FrameType,
  HEADER_BYTES,
  HEALTH_TEXT_MAX_BYTES,
  KEY_BYTES,
  MAGIC,
  PACKET_MAX_BYTES,
  PEER_GONE_REASON,
  type PeerPresence,
  PING_BYTES,
} from './frames.js';
import type { PeerGoneReason } from './io.js';

/** A frame of `type` whose payload is `parts` in a row. */
export function encodeFrame(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = new Uint8Array(HEADER_BYTES + length);
  frame[0] = type;
  viewOf(frame).setUint32(1, length);
  let at = HEADER_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** The server's greeting. */
export function encodeServerKey(key: RelayKey): Uint8Array {
  return encodeFrame(FrameType.serverKey, MAGIC, publicKeyBytes(key));
}

/** The client's introduction; the box is hello.ts's. */
export function encodeClientInfo(key: NodeKey, nonce: Uint8Array, box: Uint8Array): Uint8Array {
  return encodeFrame(FrameType.clientInfo, publicKeyBytes(key), nonce, box);
}

/** The server's answer; the box is hello.ts's. */
export function encodeServerInfo(nonce: Uint8Array, box: Uint8Array): Uint8Array {
  return encodeFrame(FrameType.serverInfo, nonce, box);
}

/** Client: `packet` for `target`. */
export function encodeSendPacket(target: NodeKey, packet: Uint8Array): Uint8Array {
  assert(packet.length <= PACKET_MAX_BYTES, 'a relay carries at most 64 KiB');
  return encodeFrame(FrameType.sendPacket, publicKeyBytes(target), packet);
}

/** Server: `packet` of the sender whose raw key is `sourceKey` (32 bytes). */
export function encodeRecvPacket(sourceKey: Uint8Array, packet: Uint8Array): Uint8Array {
  assert(sourceKey.length === KEY_BYTES, 'a key has 32 bytes');
  return encodeFrame(FrameType.recvPacket, sourceKey, packet);
}

/** Mesh: a packet that another server of the region shall deliver. */
export function encodeForwardPacket(
  source: NodeKey,
  target: NodeKey,
  packet: Uint8Array,
): Uint8Array {
  assert(packet.length <= PACKET_MAX_BYTES, 'a relay carries at most 64 KiB');
  return encodeFrame(
    FrameType.forwardPacket,
    publicKeyBytes(source),
    publicKeyBytes(target),
    packet,
  );
}

export function encodeKeepAlive(): Uint8Array {
  return encodeFrame(FrameType.keepAlive);
}

export function encodeNotePreferred(home: boolean): Uint8Array {
  return encodeFrame(FrameType.notePreferred, Uint8Array.of(home ? 1 : 0));
}

export function encodePeerGone(peer: NodeKey, reason: PeerGoneReason): Uint8Array {
  const code = Uint8Array.of(PEER_GONE_REASON[reason]);
  return encodeFrame(FrameType.peerGone, publicKeyBytes(peer), code);
}

/** Mesh: all three tail fields are written; an unknown address is `::` and port 0. */
export function encodePeerPresent(presence: PeerPresence): Uint8Array {
  const tail = new Uint8Array(19);
  if (presence.address !== undefined) tail.set(addressBytes16(presence.address));
  viewOf(tail).setUint16(16, presence.port ?? 0);
  tail[18] = presence.flags;
  return encodeFrame(FrameType.peerPresent, publicKeyBytes(presence.peer), tail);
}

export function encodeWatchConns(): Uint8Array {
  return encodeFrame(FrameType.watchConns);
}

export function encodeClosePeer(peer: NodeKey): Uint8Array {
  return encodeFrame(FrameType.closePeer, publicKeyBytes(peer));
}

export function encodePing(data: Uint8Array): Uint8Array {
  assert(data.length === PING_BYTES, 'a ping carries 8 bytes');
  return encodeFrame(FrameType.ping, data);
}

export function encodePong(data: Uint8Array): Uint8Array {
  assert(data.length === PING_BYTES, 'a pong carries 8 bytes');
  return encodeFrame(FrameType.pong, data);
}

/** Empty text: healthy again. */
export function encodeHealth(problem: string): Uint8Array {
  const text = encodeUtf8(problem);
  assert(text.length <= HEALTH_TEXT_MAX_BYTES, 'a health text is short');
  return encodeFrame(FrameType.health, text);
}

/** Reconnect after `reconnectInMs`, and keep this region as home for `tryForMs`. */
export function encodeRestarting(reconnectInMs: number, tryForMs: number): Uint8Array {
  const times = new Uint8Array(8);
  viewOf(times).setUint32(0, reconnectInMs);
  viewOf(times).setUint32(4, tryForMs);
  return encodeFrame(FrameType.restarting, times);
}

/** Client: a datagram with `token` to UDP `port`, please; from the relay's alternate STUN port if it has one. */
export function encodeDialBack(token: Uint8Array, port: number, fromAlternate = false): Uint8Array {
  assert(token.length === DIAL_BACK_TOKEN_BYTES, 'a token has 12 bytes');
  assert(port > 0 && port < 65_536, 'port 0 is no port');
  const payload = new Uint8Array(DIAL_BACK_BYTES);
  payload.set(token);
  viewOf(payload).setUint16(DIAL_BACK_TOKEN_BYTES, port);
  if (fromAlternate) payload[DIAL_BACK_FLAGS_AT] = DIAL_BACK_FROM_ALTERNATE;
  return encodeFrame(FrameType.dialBack, payload);
}

/** Server: what became of it; without a target nothing was sent. */
export function encodeDialBackAnswer({ token, outcome, target }: DialBackAnswer): Uint8Array {
  assert(token.length === DIAL_BACK_TOKEN_BYTES, 'a token has 12 bytes');
  const payload = new Uint8Array(DIAL_BACK_ANSWER_BYTES);
  payload.set(token);
  payload[DIAL_BACK_TOKEN_BYTES] = DIAL_BACK_OUTCOME[outcome];
  if (target !== undefined) {
    payload.set(addressBytes16(endpointAddress(target)), DIAL_BACK_TOKEN_BYTES + 1);
    viewOf(payload).setUint16(DIAL_BACK_TOKEN_BYTES + 17, endpointPort(target));
  }
  return encodeFrame(FrameType.dialBackAnswer, payload);
}

/** Client: did your STUN server give `token` for `address`? */
export function encodeAddressCheck(
  id: Uint8Array,
  address: IpAddress,
  token: Uint8Array,
): Uint8Array {
  assert(id.length === ADDRESS_CHECK_ID_BYTES, 'an id has 8 bytes');
  assert(token.length === ADDRESS_CHECK_TOKEN_BYTES, 'a token has 16 bytes');
  const payload = new Uint8Array(ADDRESS_CHECK_BYTES);
  payload.set(id);
  payload.set(addressBytes16(address), ADDRESS_CHECK_ID_BYTES);
  payload.set(token, ADDRESS_CHECK_ID_BYTES + 16);
  return encodeFrame(FrameType.addressCheck, payload);
}

/** Server: what the token is worth. */
export function encodeAddressCheckAnswer({ id, outcome }: AddressCheckAnswer): Uint8Array {
  assert(id.length === ADDRESS_CHECK_ID_BYTES, 'an id has 8 bytes');
  const payload = new Uint8Array(ADDRESS_CHECK_ANSWER_BYTES);
  payload.set(id);
  payload[ADDRESS_CHECK_ID_BYTES] = ADDRESS_CHECK_OUTCOME[outcome];
  return encodeFrame(FrameType.addressCheckAnswer, payload);
}
