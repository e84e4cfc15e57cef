/**
 * Bytes that look random and follow from a seed: sender and receiver need no common file, no compression on
 * the way can fake throughput, and a run can be repeated.
 */

/** Size of what {@link seededChunks} yields: enough to keep a socket busy, little enough for memory. */
export const chunkBytes = 64 * 1024;

/** Yields `totalBytes` of xorshift32 output in chunks. The chunks are new memory each. */
export function* seededChunks(seed: number, totalBytes: number): Generator<Uint8Array> {
  let state = (seed >>> 0) | 1; // zero would stay zero for ever
  for (let left = totalBytes; left > 0; left -= chunkBytes) {
    const words = new Uint32Array(chunkBytes / 4);
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    yield new Uint8Array(words.buffer, 0, Math.min(left, chunkBytes));
  }
}
