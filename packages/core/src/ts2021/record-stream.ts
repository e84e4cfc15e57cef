/**
 * Records of a finished handshake: plaintext of any length in, frames out, and back from any cut.
 *
 *     record = u8 4, u16 n, ciphertext n        n = plaintext + 16, whole frame <= 4096 bytes
 *
 * At most one incomplete frame is held. A record without plaintext is legal and adds nothing.
 */
import { assert } from '../base/assert.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import type { Crypto } from '../ports.js';
import { CipherState } from './cipher-state.js';
import {
  FRAME_HEADER_BYTES,
  FrameType,
  frameBodyLength,
  MAX_BODY_BYTES,
  MAX_FRAME_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
  putFrameHeader,
  TAG_BYTES,
} from './frames.js';
import type { TransportKeys } from './handshake-state.js';
import type { RecordStream } from './io.js';

/** What a record adds to its plaintext. */
const RECORD_OVERHEAD_BYTES = FRAME_HEADER_BYTES + TAG_BYTES;

/** Whole length of the record that starts at `at`; undefined until its header is complete. */
function recordLength(
  bytes: Uint8Array,
  at: number,
  end: number,
): number | undefined | DecodeFailure {
  if (at < end && bytes[at] !== FrameType.record) return fail('record-bad-type');
  if (end - at < FRAME_HEADER_BYTES) return undefined;
  const body = frameBodyLength(bytes, at);
  if (body > MAX_BODY_BYTES) return fail('record-too-long');
  if (body < TAG_BYTES) return fail('record-too-short');
  return FRAME_HEADER_BYTES + body;
}

/** Both directions of one connection. After a failure of `open` every further call fails alike. */
export class NoiseRecordStream implements RecordStream {
  readonly #sending: CipherState;
  readonly #receiving: CipherState;
  readonly #held = new Uint8Array(MAX_FRAME_BYTES);
  #heldLength = 0;
  #failure: DecodeFailure | undefined;

  constructor(sending: CipherState, receiving: CipherState) {
    this.#sending = sending;
    this.#receiving = receiving;
  }

  /**
   * Seals `plaintext` into as many records as it needs; empty plaintext makes one empty record.
   * The result is the caller's. Records must be written in the order they were sealed.
   */
  seal(plaintext: Uint8Array): Uint8Array {
    const records = Math.max(1, Math.ceil(plaintext.length / MAX_RECORD_PLAINTEXT_BYTES));
    const frames = new Uint8Array(plaintext.length + records * RECORD_OVERHEAD_BYTES);
    let at = 0;
    for (let from = 0; at < frames.length; from += MAX_RECORD_PLAINTEXT_BYTES) {
      const length = Math.min(MAX_RECORD_PLAINTEXT_BYTES, plaintext.length - from);
      const bodyAt = putFrameHeader(frames, at, FrameType.record, length + TAG_BYTES);
      this.#sending.seal(plaintext, from, length, frames, bodyAt);
      at += RECORD_OVERHEAD_BYTES + length;
    }
    assert(at === frames.length, 'records fill the bytes counted for them');
    return frames;
  }

  /** See {@link RecordStream.open}. `bytes` may be reused by the caller afterwards. */
  open(bytes: Uint8Array): Uint8Array | DecodeFailure {
    if (this.#failure !== undefined) return this.#failure;
    const result = this.#openAll(bytes);
    if (!(result instanceof Uint8Array)) this.#failure = result;
    return result;
  }

  #openAll(bytes: Uint8Array): Uint8Array | DecodeFailure {
    const plaintext = new Uint8Array(this.#heldLength + bytes.length);
    let written = 0;
    let at = 0;
    while (this.#heldLength > 0) {
      const length = recordLength(this.#held, 0, this.#heldLength);
      if (typeof length === 'object') return length;
      const wanted = length ?? FRAME_HEADER_BYTES;
      at += this.#hold(bytes.subarray(at, at + wanted - this.#heldLength));
      if (this.#heldLength < wanted) return plaintext.subarray(0, written);
      if (length === undefined) continue;
      const refused = this.#openOne(this.#held, 0, length, plaintext, written);
      if (refused !== undefined) return refused;
      written += length - RECORD_OVERHEAD_BYTES;
      this.#heldLength = 0;
    }
    while (at < bytes.length) {
      const length = recordLength(bytes, at, bytes.length);
      if (typeof length === 'object') return length;
      if (length === undefined || length > bytes.length - at) break;
      const refused = this.#openOne(bytes, at, length, plaintext, written);
      if (refused !== undefined) return refused;
      written += length - RECORD_OVERHEAD_BYTES;
      at += length;
    }
    this.#hold(bytes.subarray(at));
    return plaintext.subarray(0, written);
  }

  #openOne(
    source: Uint8Array,
    at: number,
    length: number,
    target: Uint8Array,
    targetAt: number,
  ): DecodeFailure | undefined {
    if (this.#receiving.exhausted) return fail('record-counter-exhausted');
    const body = length - FRAME_HEADER_BYTES;
    const opened = this.#receiving.open(source, at + FRAME_HEADER_BYTES, body, target, targetAt);
    return opened ? undefined : fail('record-forged');
  }

  #hold(bytes: Uint8Array): number {
    this.#held.set(bytes, this.#heldLength);
    this.#heldLength += bytes.length;
    return bytes.length;
  }
}

/** The stream of the side that sent message 1. */
export function clientRecordStream(crypto: Crypto, keys: TransportKeys): NoiseRecordStream {
  return new NoiseRecordStream(
    new CipherState(crypto, keys.clientToServer),
    new CipherState(crypto, keys.serverToClient),
  );
}

/** The stream of the side that sent message 2. */
export function serverRecordStream(crypto: Crypto, keys: TransportKeys): NoiseRecordStream {
  return new NoiseRecordStream(
    new CipherState(crypto, keys.serverToClient),
    new CipherState(crypto, keys.clientToServer),
  );
}
