/**
 * Cuts an ordered byte stream of any fragmentation into DERP frames.
 *
 *     header -> (too long) -> failed, for ever
 *            -> (unknown)  -> skipping L bytes, none of them kept -> header
 *            -> (known)    -> collecting L bytes -> frame -> header
 *
 * Memory: a length in a header reserves nothing. What is kept is at most the bytes that really arrived of one
 * frame, rounded up to a power of two, and a known frame is capped by its type.
 */
import { viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { HEADER_BYTES, type RawFrame, UNKNOWN_FRAME_MAX_BYTES } from './frames.js';

export type FrameReaderFailure = 'frame-too-long';

/** Largest payload that is accepted of each known type; absent: unknown, skipped. */
export type FrameLimits = ReadonlyMap<number, number>;

/** First size of the collecting buffer: most frames that straddle two chunks are a packet of 1,500 bytes. */
const FIRST_BUFFER_BYTES = 2048;

/** One reader per direction of a connection. */
export class FrameReader {
  readonly #limits: FrameLimits;
  /** What was pushed and not yet read. */
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  /** Bytes of an unknown frame still to pass over. */
  #skip = 0;
  /** Payload bytes of a frame that spans chunks; undefined between frames. */
  #partial: Uint8Array | undefined;
  #partialFilled = 0;
  #failure: DecodeFailure<FrameReaderFailure> | undefined;
  #unknownFrames = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Unknown frames passed over so far. */
  get unknownFrames(): number {
    return this.#unknownFrames;
  }

  /** Takes the next bytes; call {@link next} until it answers undefined before pushing again. */
  push(bytes: Uint8Array): void {
    if (this.#at === this.#chunk.length) {
      this.#chunk = bytes;
    } else {
      const joined = new Uint8Array(this.#chunk.length - this.#at + bytes.length);
      joined.set(this.#chunk.subarray(this.#at));
      joined.set(bytes, this.#chunk.length - this.#at);
      this.#chunk = joined;
    }
    this.#at = 0;
  }

  /** The next complete frame; undefined: more bytes are needed; a failure: the stream is beyond repair. */
  next(): RawFrame | DecodeFailure<FrameReaderFailure> | undefined {
    const frame = this.#cut();
    if (frame === undefined) {
      // All of the chunk was taken over: let go of its memory.
      this.#chunk = new Uint8Array();
      this.#at = 0;
    }
    return frame;
  }

  #cut(): RawFrame | DecodeFailure<FrameReaderFailure> | undefined {
    for (;;) {
      if (this.#failure !== undefined) return this.#failure;
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, this.#chunk.length - this.#at);
        this.#skip -= passed;
        this.#at += passed;
        if (this.#skip > 0) return undefined;
      }
      if (!this.#readHeader()) return undefined;
      const type = this.#header[0] ?? 0;
      const length = viewOf(this.#header).getUint32(1);
      const limit = this.#limits.get(type);
      if (length > (limit ?? UNKNOWN_FRAME_MAX_BYTES)) {
        this.#failure = fail('frame-too-long');
        this.#partial = undefined;
        continue;
      }
      if (limit === undefined) {
        this.#unknownFrames += 1;
        this.#headerFilled = 0;
        this.#skip = length;
        continue;
      }
      const payload = this.#readPayload(length);
      if (payload === undefined) return undefined;
      this.#headerFilled = 0;
      return { type, payload };
    }
  }

  #readHeader(): boolean {
    while (this.#headerFilled < HEADER_BYTES) {
      const byte = this.#chunk[this.#at];
      if (byte === undefined) return false;
      this.#header[this.#headerFilled++] = byte;
      this.#at += 1;
    }
    return true;
  }

  /** The whole payload, as a view of the chunk where it lies in one piece. */
  #readPayload(length: number): Uint8Array | undefined {
    const available = this.#chunk.length - this.#at;
    if (this.#partial === undefined) {
      if (available >= length) {
        const payload = this.#chunk.subarray(this.#at, this.#at + length);
        this.#at += length;
        return payload;
      }
      this.#partial = new Uint8Array(Math.min(length, Math.max(FIRST_BUFFER_BYTES, available)));
      this.#partialFilled = 0;
    }
    const taken = Math.min(length - this.#partialFilled, available);
    this.#keep(this.#chunk.subarray(this.#at, this.#at + taken), length);
    this.#at += taken;
    if (this.#partialFilled < length) return undefined;
    const payload = this.#partial.subarray(0, length);
    this.#partial = undefined;
    return payload;
  }

  /** Appends to the partial frame; the buffer doubles as bytes really arrive. */
  #keep(bytes: Uint8Array, length: number): void {
    let partial = this.#partial ?? new Uint8Array();
    const needed = this.#partialFilled + bytes.length;
    if (needed > partial.length) {
      const grown = new Uint8Array(Math.min(length, Math.max(2 * partial.length, needed)));
      grown.set(partial.subarray(0, this.#partialFilled));
      partial = grown;
      this.#partial = grown;
    }
    partial.set(bytes, this.#partialFilled);
    this.#partialFilled = needed;
  }
}
