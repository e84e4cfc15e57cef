/**
 * Frames of the ts2021 transport. All integers are big-endian.
 *
 *     initiation  101   u16 version, u8 1, u16 96, ephemeral 32, sealed static key 48, tag 16
 *     response     51   u8 2, u16 48, ephemeral 32, tag 16
 *     error       3+n   u8 3, u16 n, text; unauthenticated, only in place of the response
 *     record      3+n   u8 4, u16 n, ciphertext of n bytes
 *
 * The payloads of both handshake messages are empty, so their last part is a bare tag.
 */
import { assert } from '../base/assert.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { decodeUtf8, encodeUtf8 } from '../base/text.js';
import { KEY_BYTES } from '../keys/keys.js';

/** Poly1305. */
export const TAG_BYTES = 16;

/** Type and length before each frame but the initiation, which has the version in front of them. */
export const FRAME_HEADER_BYTES = 3;

/** Largest frame on the wire with its header; peers hold exactly one in memory. */
export const MAX_FRAME_BYTES = 4096;

/** Largest body of a frame. */
export const MAX_BODY_BYTES = MAX_FRAME_BYTES - FRAME_HEADER_BYTES;

/** Largest plaintext of one record. */
export const MAX_RECORD_PLAINTEXT_BYTES = MAX_BODY_BYTES - TAG_BYTES;

export const FrameType = { initiation: 1, response: 2, error: 3, record: 4 } as const;

const VERSION_BYTES = 2;
const SEALED_KEY_BYTES = KEY_BYTES + TAG_BYTES;
const INITIATION_BODY_BYTES = KEY_BYTES + SEALED_KEY_BYTES + TAG_BYTES;
const RESPONSE_BODY_BYTES = KEY_BYTES + TAG_BYTES;

export const INITIATION_BYTES = VERSION_BYTES + FRAME_HEADER_BYTES + INITIATION_BODY_BYTES;
export const RESPONSE_BYTES = FRAME_HEADER_BYTES + RESPONSE_BODY_BYTES;

/** Message 1, client to server. */
export interface InitiationFrame {
  /** The client's capability version, 0 to 65535. */
  readonly version: number;
  readonly ephemeral: Uint8Array;
  readonly sealedStatic: Uint8Array;
  readonly tag: Uint8Array;
}

/** Message 2, server to client. */
export interface ResponseFrame {
  readonly ephemeral: Uint8Array;
  readonly tag: Uint8Array;
}

/** The server refused the handshake and said why; `text` is unauthenticated and safe to print. */
export class HandshakeRefused extends DecodeFailure<'refused-by-server'> {
  readonly text: string;

  constructor(text: string) {
    super('refused-by-server');
    this.text = text;
  }
}

/** Writes type and length at `at`; returns where the body starts. */
export function putFrameHeader(target: Uint8Array, at: number, type: number, body: number): number {
  assert(body >= 0 && body <= MAX_BODY_BYTES, 'a frame body fits into a frame');
  target[at] = type;
  target[at + 1] = body >> 8;
  target[at + 2] = body & 255;
  return at + FRAME_HEADER_BYTES;
}

/** Body length of the frame whose header is at `at`. */
export function frameBodyLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

export function encodeInitiation(frame: InitiationFrame): Uint8Array {
  const { version } = frame;
  assert(Number.isInteger(version) && version >= 0 && version <= 0xffff, 'a version is a u16');
  const bytes = new Uint8Array(INITIATION_BYTES);
  bytes[0] = version >> 8;
  bytes[1] = version & 255;
  let at = putFrameHeader(bytes, VERSION_BYTES, FrameType.initiation, INITIATION_BODY_BYTES);
  for (const part of [frame.ephemeral, frame.sealedStatic, frame.tag]) {
    bytes.set(part, at);
    at += part.length;
  }
  assert(at === INITIATION_BYTES, 'the parts of an initiation have their sizes');
  return bytes;
}

/** Cuts message 1 into parts that share `bytes`' memory. */
export function decodeInitiation(bytes: Uint8Array): InitiationFrame | DecodeFailure {
  if (bytes.length !== INITIATION_BYTES) return fail('initiation-bad-length');
  if (bytes[VERSION_BYTES] !== FrameType.initiation) return fail('initiation-bad-type');
  if (frameBodyLength(bytes, VERSION_BYTES) !== INITIATION_BODY_BYTES) {
    return fail('initiation-bad-body-length');
  }
  const ephemeralAt = VERSION_BYTES + FRAME_HEADER_BYTES;
  const staticAt = ephemeralAt + KEY_BYTES;
  const tagAt = staticAt + SEALED_KEY_BYTES;
  return {
    version: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0),
    ephemeral: bytes.subarray(ephemeralAt, staticAt),
    sealedStatic: bytes.subarray(staticAt, tagAt),
    tag: bytes.subarray(tagAt),
  };
}

export function encodeResponse(frame: ResponseFrame): Uint8Array {
  assert(
    frame.ephemeral.length === KEY_BYTES && frame.tag.length === TAG_BYTES,
    'the parts of a response have their sizes',
  );
  const bytes = new Uint8Array(RESPONSE_BYTES);
  const at = putFrameHeader(bytes, 0, FrameType.response, RESPONSE_BODY_BYTES);
  bytes.set(frame.ephemeral, at);
  bytes.set(frame.tag, at + KEY_BYTES);
  return bytes;
}

/**
 * Whole length of the frame that answers an initiation and starts with `bytes`; undefined until its
 * header is complete. Refuses what is neither a response nor an error of bearable size.
 */
export function answerFrameLength(bytes: Uint8Array): number | undefined | DecodeFailure {
  const type = bytes[0];
  if (type === undefined) return undefined;
  if (type !== FrameType.response && type !== FrameType.error) return fail('response-bad-type');
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const body = frameBodyLength(bytes, 0);
  if (type === FrameType.response && body !== RESPONSE_BODY_BYTES) {
    return fail('response-bad-body-length');
  }
  if (body > MAX_BODY_BYTES) return fail('error-too-long');
  return FRAME_HEADER_BYTES + body;
}

/** Cuts message 2, or gives the server's refusal when an error frame stands in its place. */
export function decodeResponse(bytes: Uint8Array): ResponseFrame | DecodeFailure {
  const length = answerFrameLength(bytes);
  if (length instanceof DecodeFailure) return length;
  if (length !== bytes.length) return fail('response-bad-length');
  if (bytes[0] === FrameType.error) {
    return new HandshakeRefused(printable(bytes.subarray(FRAME_HEADER_BYTES)));
  }
  return {
    ephemeral: bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + KEY_BYTES),
    tag: bytes.subarray(FRAME_HEADER_BYTES + KEY_BYTES),
  };
}

/** The frame by which a server refuses an initiation; the client shows `text`. At most 4093 bytes of UTF-8. */
export function encodeErrorFrame(text: string): Uint8Array {
  const body = encodeUtf8(text);
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  bytes.set(body, putFrameHeader(bytes, 0, FrameType.error, body.length));
  return bytes;
}

/** Anybody on the wire can write an error text: control and direction characters don't reach a terminal. */
function printable(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  return text === undefined ? 'text is not UTF-8' : text.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
}
