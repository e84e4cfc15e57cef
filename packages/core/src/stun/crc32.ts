/** CRC-32 as STUN's FINGERPRINT uses it (ITU V.42, polynomial edb88320 reflected). */

function tableEntry(byte: number): number {
  let crc = byte;
  for (let i = 0; i < 8; i++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
  return crc;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => tableEntry(byte));

/** CRC-32 of `bytes[from .. to)` as an unsigned number. */
export function crc32(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = 0xffffffff;
  for (let at = from; at < to; at++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0);
  }
  return ~crc >>> 0;
}
