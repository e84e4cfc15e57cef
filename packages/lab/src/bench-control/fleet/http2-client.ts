/**
 * As much of an HTTP/2 client as a simulated one needs, and nothing that costs: POST requests with small bodies, answers in
 * any number of pieces, windows opened once and for all. (Node's own takes ten times the processor and memory.)
 *
 *     frame: u24 length, u8 type, u8 flags, u32 stream
 *
 * Source: RFC 9113; header blocks RFC 7541, of which only the answer's status is read.
 */

const FrameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 0x20;
const HEAD_BYTES = 9;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const WINDOW_MAX = 0x7fff_ffff;
/** Every connection and stream starts with it. */
const WINDOW_DEFAULT = 65_535;
/** What every server takes in one frame. */
const FRAME_MAX = 16_384;

const NO_TABLE = [1, 0];
const NO_PUSH = [2, 0];
const WIDE_STREAMS = [4, WINDOW_MAX];

/** What a request hears. */
export interface AnswerListener {
  readonly onStatus: (status: number) => void;
  readonly onData: (bytes: Buffer) => void;
  /** The answer is complete, or was broken off. */
  readonly onEnd: (isWhole: boolean) => void;
}

function frameOf(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(bytes);
  return frameOf(FrameType.windowUpdate, 0, stream, payload);
}

function settingsOf(...settings: readonly (readonly number[])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [id = 0, value = 0]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frameOf(FrameType.settings, 0, 0, payload);
}

/** A literal that nobody remembers, under a name of the static table. */
function literal(name: readonly number[], value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length > 126) throw new Error(`a header of ${bytes.length} bytes is not for this`);
  return Buffer.from([...name, bytes.length, ...bytes]);
}

/** `:method: POST`, `:scheme: https`, `:authority`, `:path`, `content-length`. */
function postHeaders(authority: string, path: string, length: number): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x87]),
    literal([0x01], authority),
    literal([0x04], path),
    literal([0x0f, 0x0d], String(length)),
  ]);
}

/** Static table from index 8 on. */
const INDEXED_STATUS = [200, 204, 206, 304, 400, 404, 500];

/** Digits in the code of RFC 7541 appendix B: 0 to 2 have five bits, the others six. */
function huffmanDigits(bytes: Uint8Array): string {
  let [text, bits, count] = ['', 0, 0];
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    count += 8;
    for (;;) {
      const five = count >= 5 ? (bits >> (count - 5)) & 31 : 31;
      const six = count >= 6 ? (bits >> (count - 6)) & 63 : 0;
      if (five <= 2) {
        text += String(five);
        count -= 5;
      } else if (six >= 25 && six <= 31) {
        text += String(six - 22);
        count -= 6;
      } else break;
    }
    bits &= (1 << count) - 1;
  }
  return text;
}

/** The status that stands first in a block of answer headers; 0: it can't be read. */
export function statusOf(block: Uint8Array): number {
  let at = 0;
  // The table shrinks to the nothing that we asked for.
  while (((block[at] ?? 0) & 0xe0) === 0x20) at++;
  const first = block[at] ?? 0;
  if ((first & 0x80) !== 0) return INDEXED_STATUS[(first & 0x7f) - 8] ?? 0;
  const name = (first & 0x40) === 0 ? first & 0x0f : first & 0x3f;
  if (name < 8 || name > 14) return 0;
  const told = block[at + 1] ?? 0;
  const value = block.subarray(at + 2, at + 2 + (told & 0x7f));
  return Number((told & 0x80) === 0 ? Buffer.from(value).toString('latin1') : huffmanDigits(value));
}

interface Asked extends AnswerListener {
  hasStatus: boolean;
}

export class Http2Client {
  readonly #write: (bytes: Buffer) => void;
  readonly #authority: string;
  readonly #asked = new Map<number, Asked>();
  #lastStream = -1;
  #held: Buffer | undefined;
  #sendWindow = WINDOW_DEFAULT;

  /** Begins at once: the server may speak before it has heard us. */
  constructor(authority: string, write: (bytes: Buffer) => void) {
    this.#authority = authority;
    this.#write = write;
    const settings = settingsOf(NO_TABLE, NO_PUSH, WIDE_STREAMS);
    write(Buffer.concat([PREFACE, settings, windowUpdate(0, WINDOW_MAX - WINDOW_DEFAULT)]));
  }

  /** Throws when the body is longer than what the server takes now; all of it goes out in one write. */
  post(path: string, body: string, listener: AnswerListener): void {
    const bytes = Buffer.from(body);
    this.#sendWindow -= bytes.length;
    if (this.#sendWindow < 0 || bytes.length > WINDOW_DEFAULT) {
      throw new Error('the server takes no more requests');
    }
    this.#lastStream += 2;
    const stream = this.#lastStream;
    this.#asked.set(stream, { ...listener, hasStatus: false });
    const headers = postHeaders(this.#authority, path, bytes.length);
    const frames = [frameOf(FrameType.headers, END_HEADERS, stream, headers)];
    for (let at = 0; at === 0 || at < bytes.length; at += FRAME_MAX) {
      const flags = at + FRAME_MAX >= bytes.length ? END_STREAM : 0;
      frames.push(frameOf(FrameType.data, flags, stream, bytes.subarray(at, at + FRAME_MAX)));
    }
    this.#write(Buffer.concat(frames));
  }

  /** Takes plaintext of any cut; throws when the connection is of no use any more. */
  receive(bytes: Buffer): void {
    let rest = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    while (rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      this.#take(rest, rest.subarray(HEAD_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#held = rest.length === 0 ? undefined : rest;
  }

  /** The connection is gone. */
  close(): void {
    for (const asked of this.#asked.values()) asked.onEnd(false);
    this.#asked.clear();
  }

  #take(head: Buffer, payload: Buffer): void {
    const flags = head[4] ?? 0;
    const stream = head.readUInt32BE(5);
    switch (head[3]) {
      case FrameType.data:
        this.#asked.get(stream)?.onData(withoutPadding(flags, payload));
        if ((flags & END_STREAM) !== 0) this.#end(stream, true);
        break;
      case FrameType.headers:
        this.#headers(stream, flags, payload);
        break;
      case FrameType.reset:
        this.#end(stream, false);
        break;
      case FrameType.settings:
        if ((flags & ACK) === 0) {
          this.#write(frameOf(FrameType.settings, ACK, 0, Buffer.alloc(0)));
        }
        break;
      case FrameType.ping:
        if ((flags & ACK) === 0) this.#write(frameOf(FrameType.ping, ACK, 0, payload));
        break;
      case FrameType.windowUpdate:
        if (stream === 0) this.#sendWindow += payload.readUInt32BE(0) & WINDOW_MAX;
        break;
      case FrameType.goAway:
        throw new Error('the server ends the connection');
      default:
        break;
    }
  }

  #headers(stream: number, flags: number, payload: Buffer): void {
    const asked = this.#asked.get(stream);
    if (asked !== undefined && !asked.hasStatus) {
      asked.hasStatus = true;
      const block = withoutPadding(flags, payload);
      asked.onStatus(statusOf((flags & PRIORITY) === 0 ? block : block.subarray(5)));
    }
    if ((flags & END_STREAM) !== 0) this.#end(stream, true);
  }

  #end(stream: number, isWhole: boolean): void {
    const asked = this.#asked.get(stream);
    this.#asked.delete(stream);
    asked?.onEnd(isWhole);
  }
}

function withoutPadding(flags: number, payload: Buffer): Buffer {
  if ((flags & PADDED) === 0) return payload;
  return payload.subarray(1, payload.length - (payload[0] ?? 0));
}
