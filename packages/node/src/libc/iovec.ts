/**
 * The pieces of memory that one system call reads or writes, one after the other (struct iovec of 64-bit Linux):
 *
 *     16 B: base u64 @0, length u64 @8
 */
import { writeU64 } from '@warren/core/base/bytes';

export const IOVEC_BYTES = 16;

/** `address` of the piece, and how long it is. */
export function writeVector(view: DataView, at: number, address: number, length: number): void {
  writeU64(view, at, address);
  writeU64(view, at + 8, length);
}
