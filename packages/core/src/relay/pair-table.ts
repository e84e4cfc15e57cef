/**
 * What crossed the relay between each ordered pair of keys: proof of who talks directly, and who doesn't.
 * Bounded; the pair that was first seen longest ago is forgotten first, and counted.
 */
import type { Counters } from '../base/counters.js';
import type { NodeKey } from '../keys/keys.js';
import type { RelayPairCounters } from './io.js';

/** A full mesh of 128 nodes that talk through the relay; about 5 MB. */
const PAIRS_MAX = 16_384;

interface Pair {
  readonly source: NodeKey;
  readonly target: NodeKey;
  discoFrames: number;
  dataFrames: number;
  dataBytes: number;
}

export class PairTable {
  readonly #counters: Counters;
  readonly #pairsMax: number;
  readonly #bySource = new Map<NodeKey, Map<NodeKey, Pair>>();
  /** All pairs, the first seen first. */
  readonly #pairs = new Set<Pair>();

  constructor(counters: Counters, pairsMax: number = PAIRS_MAX) {
    this.#counters = counters;
    this.#pairsMax = pairsMax;
  }

  /** Counts one packet of `bytes` bytes that was accepted for `target`. */
  count(source: NodeKey, target: NodeKey, isDisco: boolean, bytes: number): void {
    const pair = this.#bySource.get(source)?.get(target) ?? this.#make(source, target);
    if (isDisco) {
      pair.discoFrames += 1;
    } else {
      pair.dataFrames += 1;
      pair.dataBytes += bytes;
    }
  }

  /** Copies of all pairs. */
  list(): RelayPairCounters[] {
    return [...this.#pairs].map((pair) => ({ ...pair }));
  }

  #make(source: NodeKey, target: NodeKey): Pair {
    if (this.#pairs.size >= this.#pairsMax) this.#forgetOldest();
    const pair = { source, target, discoFrames: 0, dataFrames: 0, dataBytes: 0 };
    this.#pairs.add(pair);
    let targets = this.#bySource.get(source);
    if (targets === undefined) {
      targets = new Map();
      this.#bySource.set(source, targets);
    }
    targets.set(target, pair);
    return pair;
  }

  #forgetOldest(): void {
    const [oldest] = this.#pairs;
    if (oldest === undefined) return;
    this.#pairs.delete(oldest);
    const targets = this.#bySource.get(oldest.source);
    targets?.delete(oldest.target);
    if (targets?.size === 0) this.#bySource.delete(oldest.source);
    this.#counters.add('pair-forgotten');
  }
}
