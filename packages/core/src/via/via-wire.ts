/** Numbers and checksums in packets (RFC 1071, 1624), big-endian; they allocate nothing. */

export function readUint16(memory: Uint8Array, at: number): number {
  return ((memory[at] ?? 0) << 8) | (memory[at + 1] ?? 0);
}

export function readUint32(memory: Uint8Array, at: number): number {
  return ((readUint16(memory, at) << 16) | readUint16(memory, at + 2)) >>> 0;
}

export function writeUint16(memory: Uint8Array, at: number, value: number): void {
  memory[at] = value >> 8;
  memory[at + 1] = value & 255;
}

export function writeUint32(memory: Uint8Array, at: number, value: number): void {
  writeUint16(memory, at, value >>> 16);
  writeUint16(memory, at + 2, value & 0xffff);
}

/** The unfolded sum of `length` bytes in 16-bit words; an odd last byte is a high half. Up to 65,575 bytes. */
export function sumOf(memory: Uint8Array, at: number, length: number): number {
  let sum = 0;
  const end = at + length - 1;
  let here = at;
  for (; here < end; here += 2) sum += readUint16(memory, here);
  return here === end ? sum + ((memory[here] ?? 0) << 8) : sum;
}

export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** The checksum of a sum. */
export function checksumOf(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** A checksum after `removed` left what it is over and `added` came (RFC 1624, equation 3). */
export function adjusted(checksum: number, removed: number, added: number): number {
  return checksumOf((~checksum & 0xffff) + (~fold(removed) & 0xffff) + fold(added));
}
