/**
 * The Internet checksum over a fixed memory: the hottest arithmetic of the data plane, so a port. The shell
 * may bring a faster one; this one is the reference that the other is tested against.
 *
 * A sum is that of 16-bit big-endian words in one's complement, folded to 16 bits and **not** inverted; an odd
 * last byte counts as the high half of a word. Only all-zero input (and initial 0) sums to 0; everything else
 * that is zero in one's complement is 0xffff. So equal input gives equal sums in every implementation.
 *
 * Source: RFC 1071.
 */
import { viewOf } from '../base/bytes.js';

/** More would overflow the accumulators of 32 bits; a packet has at most 65,575 bytes. */
export const SUM_BYTES_MAX = 131_072;

export interface InternetChecksum {
  /** The sum of `memory[at .. at + length)` plus `initial`, an unfolded sum below 2^31. */
  sum(at: number, length: number, initial: number): number;
  /**
   * Copies `memory[from .. from + length)` to `to`, which must not overlap it, and answers the sum of it plus
   * `initial`.
   */
  copy(to: number, from: number, length: number, initial: number): number;
}

/** `sum`, not negative and below 2^32, as 16 bits. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** In plain JavaScript, four bytes a step. */
export class PlainChecksum implements InternetChecksum {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(memory: Uint8Array) {
    this.#bytes = memory;
    this.#view = viewOf(memory);
  }

  sum(at: number, length: number, initial: number): number {
    const view = this.#view;
    const end = at + length;
    const wordsEnd = end - 3;
    // Apart, so that neither leaves the integers that the compiler keeps in registers.
    let high = 0;
    let low = 0;
    let here = at;
    for (; here < wordsEnd; here += 4) {
      const word = view.getInt32(here);
      high += word >>> 16;
      low += word & 0xffff;
    }
    if (here + 1 < end) {
      high += view.getUint16(here);
      here += 2;
    }
    if (here < end) low += view.getUint8(here) << 8;
    return foldSum(foldSum(high) + foldSum(low) + foldSum(initial));
  }

  copy(to: number, from: number, length: number, initial: number): number {
    this.#bytes.copyWithin(to, from, from + length);
    return this.sum(to, length, initial);
  }
}
