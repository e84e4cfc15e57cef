/**
 * A {@link Random} that repeats itself: same seed, same bytes. For tests and the simulator only; its
 * output is predictable, so a key made of it is no secret. Never use it in a running node or server.
 *
 * xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators"), its state filled
 * by splitmix32 so that neighbouring seeds give unrelated streams.
 */
import type { Random } from '../ports.js';
import { assert } from './assert.js';

const TWO_TO_32 = 0x1_0000_0000;

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Any integer; only its low 32 bits count. */
  constructor(seed: number) {
    assert(Number.isInteger(seed), 'a seed is an integer');
    let state = seed | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let word = state ^ (state >>> 16);
      word = Math.imul(word, 0x21f0aaad);
      word ^= word >>> 15;
      word = Math.imul(word, 0x735a2d97);
      return word ^ (word >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1; // the all-zero state would stay zero for ever
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** 0 to `limit` - 1; every value equally likely. */
  below(limit: number): number {
    assert(Number.isInteger(limit) && limit > 0 && limit <= TWO_TO_32, 'a limit is 1 to 2^32');
    const fair = TWO_TO_32 - (TWO_TO_32 % limit);
    let value = this.uint32();
    while (value >= fair) value = this.uint32();
    return value % limit;
  }

  /** At least 0, below 1. */
  fraction(): number {
    return this.uint32() / TWO_TO_32;
  }

  /** A stream of its own that doesn't move when this one is used more or less: one per part of a world. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32());
  }

  fill(target: Uint8Array): Uint8Array {
    for (let at = 0; at < target.length; at += 4) {
      const word = this.uint32();
      for (let i = 0; i < 4 && at + i < target.length; i++) target[at + i] = word >>> (8 * i);
    }
    return target;
  }
}
