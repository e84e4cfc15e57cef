/**
 * Sets of small numbers as bits in one array: what the rule matcher intersects. Equal sets are kept once, so
 * a thousand sources that the same rules name cost one set.
 */

/** Words of a new pool; it doubles when it is full. */
const FIRST_WORDS = 64;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class BitSets {
  /** 32-bit words of one set. */
  readonly words: number;
  #pool: Int32Array;
  #used = 0;
  readonly #byHash = new Map<number, number[]>();

  /** Sets of numbers from 0 below `size`. */
  constructor(size: number) {
    this.words = Math.ceil(size / 32);
    this.#pool = new Int32Array(Math.max(FIRST_WORDS, this.words));
  }

  /** A set to fill and give to {@link keep}. */
  draft(): Int32Array {
    return new Int32Array(this.words);
  }

  /** A draft that begins as the set kept at `at`. */
  draftOf(at: number): Int32Array {
    return this.#pool.slice(at, at + this.words);
  }

  /** Keeps a copy of the draft; gives where it is. */
  keep(draft: Int32Array): number {
    let hash = FNV_OFFSET;
    for (const word of draft) hash = Math.imul(hash ^ word, FNV_PRIME);
    const alike = this.#byHash.get(hash) ?? [];
    const known = alike.find((at) => draft.every((word, i) => this.#pool[at + i] === word));
    if (known !== undefined) return known;
    const at = this.#used;
    this.#used += this.words;
    while (this.#used > this.#pool.length) {
      const grown = new Int32Array(2 * this.#pool.length);
      grown.set(this.#pool);
      this.#pool = grown;
    }
    this.#pool.set(draft, at);
    this.#byHash.set(hash, [...alike, at]);
    return at;
  }

  /** True when the two sets share a number. Allocates nothing. */
  meet(a: number, b: number): boolean {
    const pool = this.#pool;
    const { words } = this;
    for (let i = 0; i < words; i++) {
      if (((pool[a + i] ?? 0) & (pool[b + i] ?? 0)) !== 0) return true;
    }
    return false;
  }

  /** True when the three sets share a number. Allocates nothing. */
  meetAll(a: number, b: number, c: number): boolean {
    const pool = this.#pool;
    const { words } = this;
    for (let i = 0; i < words; i++) {
      if (((pool[a + i] ?? 0) & (pool[b + i] ?? 0) & (pool[c + i] ?? 0)) !== 0) return true;
    }
    return false;
  }
}

export function addBit(draft: Int32Array, number: number): void {
  draft[number >> 5] = (draft[number >> 5] ?? 0) | (1 << (number & 31));
}

export function removeBit(draft: Int32Array, number: number): void {
  draft[number >> 5] = (draft[number >> 5] ?? 0) & ~(1 << (number & 31));
}
