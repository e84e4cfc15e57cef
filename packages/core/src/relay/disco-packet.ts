/**
 * Which packets are path discovery, told by their first bytes. The relay sees nothing else of a packet; disco is
 * served before data, and its sender hears of an unknown target.
 */
import { DISCO_MAGIC } from '../disco/envelope.js';

/** Magic, sender's key and nonce: stricter than on UDP sockets, as official relays are. */
const DISCO_MIN_BYTES = 62;

/** True when `packet` is long enough and starts with the disco magic. */
export function looksLikeDisco(packet: Uint8Array): boolean {
  if (packet.length < DISCO_MIN_BYTES) return false;
  for (let i = 0; i < DISCO_MAGIC.length; i++) if (packet[i] !== DISCO_MAGIC[i]) return false;
  return true;
}
