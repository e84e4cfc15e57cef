/**
 * Receiver indices: the 32-bit numbers by which a response or a transport message finds its handshake or
 * its keys. They are random, so that an outsider can't aim at a session.
 *
 * Bounded by the peers: each holds at most one open initiation and three keypairs.
 */
import type { Random } from '../ports.js';
import type { Keypair } from './keypair.js';
import { readUint32 } from './messages.js';

/** What an index stands for. */
export interface IndexEntry<Owner> {
  readonly owner: Owner;
  /** Undefined while the index belongs to an initiation that waits for its response. */
  keypair: Keypair | undefined;
}

export class IndexTable<Owner> {
  readonly #entries = new Map<number, IndexEntry<Owner>>();
  readonly #random: Random;
  readonly #scratch = new Uint8Array(4);

  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes a fresh index for `owner`. */
  reserve(owner: Owner): number {
    for (;;) {
      const index = readUint32(this.#random.fill(this.#scratch), 0);
      if (this.#entries.has(index)) continue;
      this.#entries.set(index, { owner, keypair: undefined });
      return index;
    }
  }

  get(index: number): IndexEntry<Owner> | undefined {
    return this.#entries.get(index);
  }

  release(index: number): void {
    this.#entries.delete(index);
  }

  get size(): number {
    return this.#entries.size;
  }
}
