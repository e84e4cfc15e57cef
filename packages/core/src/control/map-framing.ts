/**
 * Frames of a map stream.
 *
 *     u32 little-endian length, then that many bytes: one JSON object, or one zstd frame that holds it
 *
 * Which of the two was agreed by the request's `Compress`. Stock clients ask for zstd and decode only that;
 * a server without a compressor sends it "stored": raw blocks in a valid frame (RFC 8878 section 3.1.1).
 *
 *     stored: magic 28b52ffd, header 20 + u8 size | 60 + u16le (size - 256) | a0 + u32le size, then blocks of
 *     at most 128 KiB: u24le (length << 3 | last), bytes
 */
import { assert } from '../base/assert.js';
import { concatBytes, viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { encodeUtf8 } from '../base/text.js';

export type MapCompression = '' | 'zstd';

/** Length of the frame's head. */
const HEAD_BYTES = 4;
/** One frame at most: a map of 20,000 peers has about 20 MB; beyond this it is an attack on memory. */
export const mapFrameBytesMax = 64 * 1024 * 1024;

/** Largest block that zstd allows. */
const BLOCK_BYTES_MAX = 128 * 1024;

/** What keeps a quiet stream alive; always these bytes, which stock clients compare. */
export const KEEP_ALIVE_JSON = '{"KeepAlive":true}';

function storedHeader(size: number): Uint8Array {
  if (size < 256) return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, size);
  if (size < 65_792) {
    const rest = size - 256;
    return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x60, rest & 255, rest >> 8);
  }
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0);
  viewOf(header).setUint32(5, size, true);
  return header;
}

/** `bytes` as a zstd frame without compression. */
export function storeZstd(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [storedHeader(bytes.length)];
  let at = 0;
  do {
    const block = bytes.subarray(at, at + BLOCK_BYTES_MAX);
    at += block.length;
    const head = (block.length << 3) | (at >= bytes.length ? 1 : 0);
    parts.push(Uint8Array.of(head & 255, (head >> 8) & 255, head >> 16), block);
  } while (at < bytes.length);
  return concatBytes(...parts);
}

/**
 * One frame for `json`.
 *
 * Stock clients take every frame of the keep-alive's length for a keep-alive (they compare it with a buffer
 * that they reuse), so any other message of that length is padded with a space.
 */
export function encodeMapFrame(json: string, compression: MapCompression): Uint8Array {
  let plain = encodeUtf8(json);
  if (json !== KEEP_ALIVE_JSON && plain.length === KEEP_ALIVE_JSON.length) {
    plain = encodeUtf8(`${json} `);
  }
  const body = compression === 'zstd' ? storeZstd(plain) : plain;
  assert(body.length > 0 && body.length <= mapFrameBytesMax, 'a map frame within its limit');
  const frame = new Uint8Array(HEAD_BYTES + body.length);
  viewOf(frame).setUint32(0, body.length, true);
  frame.set(body, HEAD_BYTES);
  return frame;
}

export type MapFrameFailure = 'frame-empty' | 'frame-over-limit';

/**
 * Cuts a stream into frame bodies. Memory is bound by what has arrived of one frame, never by what its head
 * claims. After a failure the stream can't be trusted any more and must be closed.
 */
export class MapFrameDecoder {
  readonly #bytesMax: number;
  #parts: Uint8Array[] = [];
  #held = 0;

  constructor(bytesMax: number = mapFrameBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** Takes over bytes of any cut; gives the bodies that became complete, which are the caller's. */
  push(bytes: Uint8Array): readonly Uint8Array[] | DecodeFailure<MapFrameFailure> {
    if (bytes.length > 0) {
      this.#parts.push(bytes);
      this.#held += bytes.length;
    }
    const bodies: Uint8Array[] = [];
    for (;;) {
      if (this.#held < HEAD_BYTES) return bodies;
      const length = this.#peekLength();
      if (length === 0) return fail('frame-empty');
      if (length > this.#bytesMax) return fail('frame-over-limit');
      if (this.#held < HEAD_BYTES + length) return bodies;
      const joined = this.#joined();
      bodies.push(joined.slice(HEAD_BYTES, HEAD_BYTES + length));
      this.#held = joined.length - HEAD_BYTES - length;
      this.#parts = this.#held === 0 ? [] : [joined.subarray(HEAD_BYTES + length)];
    }
  }

  #joined(): Uint8Array {
    const [only] = this.#parts;
    if (this.#parts.length === 1 && only !== undefined) return only;
    const joined = concatBytes(...this.#parts);
    this.#parts = [joined];
    return joined;
  }

  #peekLength(): number {
    const first = this.#parts[0];
    const head = first !== undefined && first.length >= HEAD_BYTES ? first : this.#joined();
    return viewOf(head).getUint32(0, true);
  }
}
