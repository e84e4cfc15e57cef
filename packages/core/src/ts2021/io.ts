/**
 * The contract of the ts2021 machines: a Noise IK handshake, then records, over one ordered byte stream.
 *
 * `ts2021/initiator.ts` is the client (message 1 rides in an HTTP header, so it is a value, not an
 * output), `ts2021/responder.ts` the server. Afterwards both are a {@link RecordStream}.
 */
import type { DecodeFailure } from '../base/failure.js';

/** Bytes of a finished connection, in both directions. */
export interface RecordStream {
  /** Splits and seals plaintext into records; returns the bytes to write. */
  seal(plaintext: Uint8Array): Uint8Array;
  /**
   * Takes bytes of any cut from the stream. Returns the plaintext that became complete (may be empty), or
   * a reason after which the connection must be closed.
   */
  open(bytes: Uint8Array): Uint8Array | DecodeFailure;
}
