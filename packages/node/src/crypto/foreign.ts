/**
 * Calling C functions of the running Node binary, and the memory that they work on.
 *
 * OpenSSL is inside Node or linked to it; the system's own libcrypto is never loaded, for a second one in the
 * process breaks the first. What Node does not export can't be called: {@link Foreign.bind} throws then.
 */
import { assert } from '@warren/core/base/assert';
import { loadKoffi } from '../libc/libc.js';

/** All parameters are numbers: sizes, codes, addresses. */
export type ForeignCall = (...numbers: number[]) => number;

export interface Foreign {
  /** A function of the process by its declaration in C; addresses are `uintptr_t`. Throws when there is none. */
  readonly bind: (declaration: string) => ForeignCall;
  /** The memory address of an array's first byte. */
  readonly addressOf: (bytes: Uint8Array) => number;
}

/** Throws a `NodeError` when koffi is not there. */
export async function loadForeign(): Promise<Foreign> {
  const koffi = await loadKoffi();
  const process = koffi.load(null);
  return {
    bind: (declaration) => process.func(declaration),
    addressOf: (bytes) => Number(koffi.address(bytes)),
  };
}

export const KEY_BYTES = 32;

/** A few kilobytes hold the keys of forty peers; a network of thousands takes some dozens of slabs. */
const KEYS_PER_SLAB = 256;

/** Keys in memory that no collector copies about. A released place is zeros until it is taken again. */
export class KeyStore {
  readonly #addressOf: (bytes: Uint8Array) => number;
  readonly #free: Uint8Array[] = [];
  readonly #addresses = new Map<Uint8Array, number>();

  constructor(addressOf: (bytes: Uint8Array) => number) {
    this.#addressOf = addressOf;
  }

  /** Copies the key to a place of its own. */
  take(key: Uint8Array): Uint8Array {
    assert(key.length === KEY_BYTES, 'a key has 32 bytes');
    if (this.#free.length === 0) this.#grow();
    const place = this.#free.pop();
    assert(place !== undefined, 'the store has grown');
    place.set(key);
    return place;
  }

  addressOf(place: Uint8Array): number {
    const address = this.#addresses.get(place);
    assert(address !== undefined, 'the place is of this store');
    return address;
  }

  /** Overwrites the key; the place is another's from now on. */
  release(place: Uint8Array): void {
    place.fill(0);
    this.#free.push(place);
  }

  #grow(): void {
    const slab = new Uint8Array(KEYS_PER_SLAB * KEY_BYTES);
    const address = this.#addressOf(slab);
    for (let at = 0; at < slab.length; at += KEY_BYTES) {
      const place = slab.subarray(at, at + KEY_BYTES);
      this.#addresses.set(place, address + at);
      this.#free.push(place);
    }
  }
}
