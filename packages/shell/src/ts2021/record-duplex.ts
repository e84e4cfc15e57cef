/**
 * A Duplex of plaintext over a ts2021 record stream: what HTTP/2 inside Noise runs on.
 */
import { Duplex } from 'node:stream';
import { isFailure } from '@warren/core/base/failure';
import type { RecordStream } from '@warren/core/ts2021/io';

/**
 * Given to TLS at a time. Node keeps, for as long as a connection lives, memory for all that TLS was ever given at once: a map
 * of a hundred kilobytes would cost so much for ever. A TLS record of this fits the pieces that Node's memory comes in.
 */
const PIECE_BYTES = 16_000;

export class RecordDuplex extends Duplex {
  readonly #transport: Duplex;
  readonly #records: RecordStream;

  /** Takes over `transport`, from which the caller has read exactly the bytes that `records` opened. */
  constructor(transport: Duplex, records: RecordStream, firstPlaintext: Uint8Array) {
    super({ allowHalfOpen: false });
    this.#transport = transport;
    this.#records = records;
    if (firstPlaintext.length > 0) this.push(Buffer.from(firstPlaintext));
    transport.on('data', (bytes: Uint8Array) => this.#open(bytes));
    transport.on('end', () => this.push(null));
    // Nobody reads on after ending an HTTP/2 connection. Ending our half as well, as Node's wrapper around this
    // would, leaves a moment in which a write of HTTP/2 fails an assertion inside Node, uncaught.
    this.once('end', () => this.destroy());
    transport.on('error', (error: Error) => this.destroy(error));
    transport.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#transport.resume();
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.#send(this.#records.seal(chunk), 0, callback);
  }

  /** HTTP/2 writes a frame's head and its body apart, in one turn: they need one record and one write, not two. */
  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    callback: (error?: Error | null) => void,
  ): void {
    const whole = Buffer.concat(chunks.map(({ chunk }) => chunk));
    this.#send(this.#records.seal(whole), 0, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#transport.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#transport.destroy();
    callback(error);
  }

  #send(bytes: Uint8Array, at: number, callback: (error?: Error | null) => void): void {
    const end = at + PIECE_BYTES;
    if (end >= bytes.length) {
      this.#transport.write(at === 0 ? bytes : bytes.subarray(at), callback);
      return;
    }
    this.#transport.write(bytes.subarray(at, end), (error) => {
      if (error) callback(error);
      else this.#send(bytes, end, callback);
    });
  }

  #open(bytes: Uint8Array): void {
    const plaintext = this.#records.open(bytes);
    if (isFailure(plaintext)) {
      this.destroy(new Error(`the ts2021 records are broken: ${plaintext.reason}`));
    } else if (plaintext.length > 0 && !this.push(Buffer.from(plaintext))) {
      this.#transport.pause();
    }
  }
}
