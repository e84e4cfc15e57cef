/**
 * The client's side of one upgraded stream: response, early payload, records, in any cut.
 *
 *     answering --response--> open --forged record, malformed payload--> failed
 *         \--error frame, forged or malformed response-----------------> failed
 *
 * The server may send all three in the segment that carries its 101; the shell feeds whatever it reads,
 * the leftovers of the HTTP parser first.
 */
import { assert } from '../base/assert.js';
import { DecodeFailure } from '../base/failure.js';
import { type EarlyPayload, EarlyPayloadReader } from './early-payload.js';
import { answerFrameLength, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from './frames.js';
import type { FinishedHandshake, Initiation } from './initiator.js';
import type { RecordStream } from './io.js';

const NOTHING = new Uint8Array(0);

/** A {@link RecordStream} that finishes its handshake first. */
export class ClientSession implements RecordStream {
  readonly #initiation: Initiation;
  readonly #early = new EarlyPayloadReader();
  readonly #answer = new Uint8Array(MAX_FRAME_BYTES);
  #answerLength = 0;
  #finished: FinishedHandshake | undefined;
  #failure: DecodeFailure | undefined;

  constructor(initiation: Initiation) {
    this.#initiation = initiation;
  }

  /** True once the server proved its key: from now on `seal` works and HTTP/2 may begin. */
  get ready(): boolean {
    return this.#finished !== undefined;
  }

  /** 32 bytes that name this connection; undefined before `ready`. */
  get handshakeHash(): Uint8Array | undefined {
    return this.#finished?.handshakeHash;
  }

  /** What the server said before HTTP/2, once it came; many servers say nothing. */
  get earlyPayload(): EarlyPayload | undefined {
    return this.#early.payload;
  }

  /** See {@link RecordStream.seal}; only after `ready`. */
  seal(plaintext: Uint8Array): Uint8Array {
    assert(this.#finished !== undefined, 'nothing is sealed before the handshake is finished');
    return this.#finished.stream.seal(plaintext);
  }

  /** See {@link RecordStream.open}. Empty while the handshake or the early payload is incomplete. */
  open(bytes: Uint8Array): Uint8Array | DecodeFailure {
    if (this.#failure !== undefined) return this.#failure;
    const result = this.#open(bytes);
    if (result instanceof DecodeFailure) this.#failure = result;
    return result;
  }

  #open(bytes: Uint8Array): Uint8Array | DecodeFailure {
    let rest = bytes;
    while (this.#finished === undefined) {
      const length = answerFrameLength(this.#answer.subarray(0, this.#answerLength));
      if (length instanceof DecodeFailure) return length;
      const wanted = length ?? FRAME_HEADER_BYTES;
      const taken = rest.subarray(0, wanted - this.#answerLength);
      this.#answer.set(taken, this.#answerLength);
      this.#answerLength += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#answerLength < wanted) return answerSoFar(this.#answer, this.#answerLength);
      if (length === undefined) continue;
      const finished = this.#initiation.finish(this.#answer.slice(0, length));
      if (finished instanceof DecodeFailure) return finished;
      this.#finished = finished;
    }
    const plaintext = this.#finished.stream.open(rest);
    return plaintext instanceof DecodeFailure ? plaintext : this.#early.read(plaintext);
  }
}

/** Nothing yet, or the failure that the first byte already shows. */
function answerSoFar(answer: Uint8Array, length: number): Uint8Array | DecodeFailure {
  const frame = answerFrameLength(answer.subarray(0, length));
  return frame instanceof DecodeFailure ? frame : NOTHING;
}
