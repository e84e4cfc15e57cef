/**
 * Remembers the text of the last few raw keys. Turning 32 bytes into hex costs more than the rest of forwarding a
 * packet, and a connection talks to few peers at a time.
 */
import { type NodeKey, publicKeyFromBytes } from '../keys/keys.js';
import { KEY_BYTES } from './frames.js';

/** A power of two, so that the slot is a mask of the key's first byte. */
const SLOTS = 16;

export class NodeKeyMemo {
  readonly #raw = new Uint8Array(SLOTS * KEY_BYTES);
  readonly #keys: (NodeKey | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);

  /** The key at `bytes[at .. at + 32)`. */
  read(bytes: Uint8Array, at: number): NodeKey {
    const slot = (bytes[at] ?? 0) & (SLOTS - 1);
    const known = this.#keys[slot];
    const base = slot * KEY_BYTES;
    if (known !== undefined && this.#same(base, bytes, at)) return known;
    const raw = bytes.subarray(at, at + KEY_BYTES);
    const key = publicKeyFromBytes('node', raw);
    this.#raw.set(raw, base);
    this.#keys[slot] = key;
    return key;
  }

  #same(base: number, bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < KEY_BYTES; i++) if (this.#raw[base + i] !== bytes[at + i]) return false;
    return true;
  }
}
