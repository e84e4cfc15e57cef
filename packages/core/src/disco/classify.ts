/**
 * Tells datagrams on the shared UDP socket apart, by content and never by address. First match wins:
 *
 *     stun       >= 20 bytes, top two bits 0, byte 1 = 01 or 11 (Binding), magic cookie 2112a442 at 4
 *     geneve     >= 8 bytes, version and options 0, reserved bits and byte 7 zero, protocol 7a11 with
 *                disco inside, or 7a12 (WireGuard inside)
 *     disco      >= 38 bytes, starts with 54 53 f0 9f 92 ac
 *     wireguard  >= 32 bytes, type 1 to 4 as a little-endian u32
 *     noise      everything else: NAT keep-alives of one byte, scanners
 *
 * WireGuard's bytes 1 to 3 are zero, so it collides with none of the others.
 */

export type DatagramKind = 'stun' | 'disco' | 'geneve' | 'wireguard' | 'noise';

const STUN_MIN_BYTES = 20;
const GENEVE_HEADER_BYTES = 8;
/** Magic and sender's key: with less nobody could tell whose it is. */
const DISCO_MIN_BYTES = 38;
/** Transport header and tag: a keep-alive, the shortest WireGuard message. */
const WIREGUARD_MIN_BYTES = 32;

/** Disco's magic: "TS" and a speech balloon (U+1F4AC). */
function hasDiscoMagic(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x54 &&
    bytes[at + 1] === 0x53 &&
    bytes[at + 2] === 0xf0 &&
    bytes[at + 3] === 0x9f &&
    bytes[at + 4] === 0x92 &&
    bytes[at + 5] === 0xac
  );
}

/** True for a disco envelope at `bytes[at .. at + length)`; relays carry them too. */
export function isDisco(bytes: Uint8Array, at: number, length: number): boolean {
  return length >= DISCO_MIN_BYTES && hasDiscoMagic(bytes, at);
}

function isStun(bytes: Uint8Array, at: number, length: number): boolean {
  return (
    length >= STUN_MIN_BYTES &&
    ((bytes[at] ?? 0) & 0xc0) === 0 &&
    (bytes[at + 1] === 0x01 || bytes[at + 1] === 0x11) &&
    bytes[at + 4] === 0x21 &&
    bytes[at + 5] === 0x12 &&
    bytes[at + 6] === 0xa4 &&
    bytes[at + 7] === 0x42
  );
}

function isGeneve(bytes: Uint8Array, at: number, length: number): boolean {
  const plain =
    length >= GENEVE_HEADER_BYTES &&
    ((bytes[at] ?? 0) & 0xc0) === 0 &&
    ((bytes[at + 1] ?? 0) & 0x3f) === 0 &&
    bytes[at + 2] === 0x7a &&
    bytes[at + 7] === 0;
  if (!plain) return false;
  if (bytes[at + 3] === 0x12) return true;
  return (
    bytes[at + 3] === 0x11 && isDisco(bytes, at + GENEVE_HEADER_BYTES, length - GENEVE_HEADER_BYTES)
  );
}

function isWireGuard(bytes: Uint8Array, at: number, length: number): boolean {
  const type = bytes[at] ?? 0;
  return (
    length >= WIREGUARD_MIN_BYTES &&
    type >= 1 &&
    type <= 4 &&
    bytes[at + 1] === 0 &&
    bytes[at + 2] === 0 &&
    bytes[at + 3] === 0
  );
}

/** What `bytes[at .. at + length)` is. Allocates nothing, opens nothing. */
export function classifyDatagram(bytes: Uint8Array, at: number, length: number): DatagramKind {
  if (isStun(bytes, at, length)) return 'stun';
  if (isGeneve(bytes, at, length)) return 'geneve';
  if (isDisco(bytes, at, length)) return 'disco';
  return isWireGuard(bytes, at, length) ? 'wireguard' : 'noise';
}
