/**
 * Opens the zstd frames of map streams. Stored ones are cut out here; others go to Node's own decoder (from 22.15 on)
 * or else to the system's libzstd.
 *
 *     28b52ffd, descriptor: u8 bits 7-6 size of the content's length, 5 single segment; blocks u24le (length << 3 | type << 1 | last)
 *
 * Source: RFC 8878 section 3.1.1.
 */
import zlib from 'node:zlib';
import { mapFrameBytesMax } from '@warren/core/control/map-framing';

type Decoder = (frame: Uint8Array) => Buffer;

const MAGIC = 0xfd2fb528;
const DESCRIPTOR_AT = 4;
const BLOCK_HEAD_BYTES = 3;
/** Bytes of the length of a single segment's content, by the descriptor's uppermost bits. */
const LENGTH_BYTES = [1, 2, 4, 8];
/** For frames that don't say how long their content is. */
const FIRST_GUESS = 16;

/** The content of a frame of raw blocks; undefined: it is compressed, or no such frame. */
export function storedContent(frame: Buffer): Buffer | undefined {
  if (frame.length <= DESCRIPTOR_AT || frame.readUInt32LE(0) !== MAGIC) return undefined;
  const descriptor = frame[DESCRIPTOR_AT] ?? 0;
  // Single segment, without checksum and dictionary: as storeZstd writes it.
  if ((descriptor & 0x3f) !== 0x20) return undefined;
  let at = DESCRIPTOR_AT + 1 + (LENGTH_BYTES[descriptor >> 6] ?? 0);
  const blocks: Buffer[] = [];
  while (at + BLOCK_HEAD_BYTES <= frame.length) {
    const head = frame.readUIntLE(at, BLOCK_HEAD_BYTES);
    if ((head & 6) !== 0) return undefined;
    at += BLOCK_HEAD_BYTES;
    blocks.push(frame.subarray(at, at + (head >> 3)));
    at += head >> 3;
    if ((head & 1) === 1) {
      const [only] = blocks;
      return blocks.length === 1 ? only : Buffer.concat(blocks);
    }
  }
  return undefined;
}

function ownDecoder(): Decoder | undefined {
  const { zstdDecompressSync } = zlib as { readonly zstdDecompressSync?: Decoder };
  return zstdDecompressSync && ((frame) => zstdDecompressSync(frame));
}

async function systemDecoder(): Promise<Decoder> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load('libzstd.so.1');
  const sizeOf = library.func('uint64_t ZSTD_getFrameContentSize(const void *frame, size_t size)');
  const decompress = library.func(
    'size_t ZSTD_decompress(_Out_ void *target, size_t capacity, const void *frame, size_t size)',
  );
  const isError = library.func('unsigned int ZSTD_isError(size_t code)');
  return (frame) => {
    const told = Number(sizeOf(frame, frame.length));
    const isTold = told <= mapFrameBytesMax;
    let capacity = isTold ? told : FIRST_GUESS * frame.length;
    for (;;) {
      const target = Buffer.allocUnsafe(Math.max(1, capacity));
      const length: unknown = decompress(target, capacity, frame, frame.length);
      if (isError(length) === 0) return target.subarray(0, Number(length));
      capacity *= 2;
      if (isTold || capacity > mapFrameBytesMax) throw new Error('a zstd frame does not open');
    }
  };
}

/** Opens any frame. Rejects when this computer has no decoder. */
export async function createFrameOpener(): Promise<(frame: Buffer) => Buffer> {
  const decode =
    ownDecoder() ??
    (await systemDecoder().catch((cause: unknown) => {
      throw new Error(
        'nothing here opens zstd: use Node.js 22.15 or later, or install the npm package koffi and libzstd',
        { cause },
      );
    }));
  return (frame) => storedContent(frame) ?? decode(frame);
}
