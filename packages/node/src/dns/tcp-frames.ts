/** DNS over TCP: each message after its length in 16 bits (RFC 1035 section 4.2.2). */

/** A message's largest size, and the bytes of its length. */
const MESSAGE_BYTES_MAX = 65_535;
const LENGTH_BYTES = 2;

/** A message ready for a stream. */
export function frameMessage(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + bytes.length);
  frame[0] = bytes.length >> 8;
  frame[1] = bytes.length & 255;
  frame.set(bytes, LENGTH_BYTES);
  return frame;
}

/** Messages out of a stream's chunks. Holds at most one message and one chunk. */
export class FrameReader {
  #held = Buffer.alloc(0);

  /** The messages that are whole now. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const messages: Uint8Array[] = [];
    for (;;) {
      if (this.#held.length < LENGTH_BYTES) break;
      const end = LENGTH_BYTES + this.#held.readUInt16BE(0);
      if (this.#held.length < end) break;
      messages.push(new Uint8Array(this.#held.subarray(LENGTH_BYTES, end)));
      this.#held = this.#held.subarray(end);
    }
    return messages;
  }

  /** Bytes of a message that is not whole yet; never more than one message. */
  get heldBytes(): number {
    return Math.min(this.#held.length, LENGTH_BYTES + MESSAGE_BYTES_MAX);
  }
}
