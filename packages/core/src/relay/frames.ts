/**
 * DERP frames: names, numbers and limits. All integers are big-endian.
 *
 *     offset  size  meaning
 *     0       1     frame type
 *     1       4     payload length L, header not counted
 *     5       L     payload
 *
 * encode-frames.ts writes them, frame-reader.ts cuts a stream into them, decode-frames.ts reads payloads.
 * Unknown types are skipped by both sides: that is how the protocol grows. Warren's own (0x57 to 0x5a) are only
 * sent to a server that announced them in its ServerInfo; official peers skip them.
 *
 * Source: Tailscale's DERP, protocol version 2, as written down in Warren's protocol notes.
 */

import type { AddressCheckAnswer } from '../engines/address-check.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { IpAddress } from '../ip/address.js';
import type { NodeKey, RelayKey } from '../keys/keys.js';
import type { PeerGoneReason } from './io.js';

/** Number of each frame type on the wire. */
export const FrameType = {
  serverKey: 0x01,
  clientInfo: 0x02,
  serverInfo: 0x03,
  sendPacket: 0x04,
  recvPacket: 0x05,
  keepAlive: 0x06,
  notePreferred: 0x07,
  peerGone: 0x08,
  peerPresent: 0x09,
  forwardPacket: 0x0a,
  watchConns: 0x10,
  closePeer: 0x11,
  ping: 0x12,
  pong: 0x13,
  health: 0x14,
  restarting: 0x15,
  dialBack: 0x57,
  dialBackAnswer: 0x58,
  addressCheck: 0x59,
  addressCheckAnswer: 0x5a,
} as const;

/** Sent as the first 8 bytes of ServerKey: "DERP" and U+1F511. */
export const MAGIC: Uint8Array = Uint8Array.of(0x44, 0x45, 0x52, 0x50, 0xf0, 0x9f, 0x94, 0x91);

/** The only version with a source key in RecvPacket that anybody still speaks. */
export const PROTOCOL_VERSION = 2;

export const HEADER_BYTES = 5;
export const KEY_BYTES = 32;
export const NONCE_BYTES = 24;
/** Poly1305 tag of a NaCl box. */
export const BOX_TAG_BYTES = 16;
export const PING_BYTES = 8;
/** Magic and key; later versions may append. */
export const SERVER_KEY_BYTES = MAGIC.length + KEY_BYTES;

/** Largest packet (after the key) that a relay carries; every peer enforces it. */
export const PACKET_MAX_BYTES = 65_536;
/** Largest ServerKey frame that the official client accepts. */
export const SERVER_KEY_MAX_BYTES = 1024;
/** Largest ClientInfo that the official server accepts; it holds a few hundred bytes of JSON. */
export const CLIENT_INFO_MAX_BYTES = 256 * 1024;
/** Largest frame of any type that a client accepts; larger ones end the connection. */
export const CLIENT_FRAME_MAX_BYTES = 1024 * 1024;
/** The official server pads nothing above this; a tail beyond the 8 bytes is ignored. */
export const PING_MAX_BYTES = 1000;
/**
 * Largest unknown frame that we skip. The official server would discard up to 4 GiB, which lets a peer hold a
 * connection open with garbage; nothing that was ever planned comes near 1 MiB.
 */
export const UNKNOWN_FRAME_MAX_BYTES = 1024 * 1024;
/** Longest problem text of a Health frame that we keep; the rest is cut. */
export const HEALTH_TEXT_MAX_BYTES = 1024;

/** Of a dial-back: the transaction id of the datagram that is asked for. */
export const DIAL_BACK_TOKEN_BYTES = 12;
/** Token, port and padding: a request is no shorter than the datagram that it asks for. */
export const DIAL_BACK_BYTES = 28;
/** Where the wish stands to have it from the relay's alternate STUN port; relays without one use the usual port. */
export const DIAL_BACK_FLAGS_AT = 14;
export const DIAL_BACK_FROM_ALTERNATE = 1;
/** Token, outcome, address and port. */
export const DIAL_BACK_ANSWER_BYTES = 31;
/** What became of a dial-back, on the wire. A number that we don't know is a refusal. */
export const DIAL_BACK_OUTCOME = { sent: 0, 'rate-limited': 1, unavailable: 2 } as const;

/** Of an address check: the asker's number of it, and the token that a STUN server gave for the address. */
export const ADDRESS_CHECK_ID_BYTES = 8;
export const ADDRESS_CHECK_TOKEN_BYTES = 16;
/** Id, address and token. */
export const ADDRESS_CHECK_BYTES = 40;
/** Id and outcome. */
export const ADDRESS_CHECK_ANSWER_BYTES = 9;
/** What a token is worth, on the wire. A number that we don't know is a refusal. */
export const ADDRESS_CHECK_OUTCOME = { no: 0, yes: 1, refused: 2 } as const;

/** PeerGone reasons on the wire. */
export const PEER_GONE_REASON = { disconnected: 0x00, 'not-here': 0x01 } as const;

/** PeerPresent flag bits. */
export const PresenceFlag = { regular: 1, meshPeer: 2, prober: 4, notIdeal: 8 } as const;

/** A frame as the reader cuts it out: payload still raw. */
export interface RawFrame {
  readonly type: number;
  /** Borrowed: valid until the next call to the reader. */
  readonly payload: Uint8Array;
}

/** What a client understands. */
export type ServerFrame =
  | { readonly type: 'server-key'; readonly key: RelayKey }
  | { readonly type: 'server-info'; readonly nonce: Uint8Array; readonly box: Uint8Array }
  | { readonly type: 'packet'; readonly source: NodeKey; readonly packet: Uint8Array }
  | { readonly type: 'keep-alive' }
  | { readonly type: 'peer-gone'; readonly peer: NodeKey; readonly reason: PeerGoneReason }
  | { readonly type: 'peer-present'; readonly presence: PeerPresence }
  | { readonly type: 'ping'; readonly data: Uint8Array }
  | { readonly type: 'pong'; readonly data: Uint8Array }
  | { readonly type: 'health'; readonly problem: string }
  | { readonly type: 'restarting'; readonly reconnectInMs: number; readonly tryForMs: number }
  | ({ readonly type: 'dial-back-answer' } & DialBackAnswer)
  | ({ readonly type: 'address-check-answer' } & AddressCheckAnswer);

/** What a server understands. Byte arrays are borrowed from the reader. */
export type ClientFrame =
  | {
      readonly type: 'client-info';
      readonly key: NodeKey;
      readonly nonce: Uint8Array;
      readonly box: Uint8Array;
    }
  | { readonly type: 'send'; readonly target: NodeKey; readonly packet: Uint8Array }
  | {
      readonly type: 'forward';
      readonly source: NodeKey;
      readonly target: NodeKey;
      readonly packet: Uint8Array;
    }
  | { readonly type: 'note-preferred'; readonly home: boolean }
  | { readonly type: 'watch-connections' }
  | { readonly type: 'close-peer'; readonly peer: NodeKey }
  | { readonly type: 'ping'; readonly data: Uint8Array }
  | { readonly type: 'pong'; readonly data: Uint8Array }
  /** Both are copies. */
  | {
      readonly type: 'dial-back';
      readonly token: Uint8Array;
      readonly port: number;
      readonly fromAlternate: boolean;
    }
  /** Id and token are copies. */
  | {
      readonly type: 'address-check';
      readonly id: Uint8Array;
      readonly address: IpAddress;
      readonly token: Uint8Array;
    };

/** Who is connected, as watchers of a mesh hear it. Old servers leave the tail away. */
export interface PeerPresence {
  readonly peer: NodeKey;
  readonly address: IpAddress | undefined;
  readonly port: number | undefined;
  /** Zero: an old server that doesn't say. */
  readonly flags: number;
}
