/**
 * How disco is told from WireGuard by its first bytes, without opening it: by both engines on UDP sockets and
 * by the relay, which serves path discovery before data.
 *
 * Layout: 6 bytes magic ("TS" and U+1F4AC), 32 bytes sender's disco key, 24 bytes nonce, then the sealed part.
 */

/** `54 53 f0 9f 92 ac`. */
export const DISCO_MAGIC: Uint8Array = Uint8Array.of(0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac);

/** Magic, key and nonce: what a relay wants to see before it calls a packet disco. */
export const DISCO_ENVELOPE_BYTES = 62;

/** True when `packet` has at least `bytesMin` bytes and starts with the magic. */
export function looksLikeDisco(
  packet: Uint8Array,
  bytesMin: number = DISCO_ENVELOPE_BYTES,
): boolean {
  if (packet.length < bytesMin) return false;
  for (let i = 0; i < DISCO_MAGIC.length; i++) if (packet[i] !== DISCO_MAGIC[i]) return false;
  return true;
}
