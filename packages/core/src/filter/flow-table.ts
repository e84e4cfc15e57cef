/**
 * Conversations under way, so that answers come in without a rule: who began each, and until when it counts.
 *
 *     entry: 0 version, protocol  1 ports  2 local address  3 remote address (their first words; IPv4 has no more)
 *            4 rest of the local address  7 rest of the remote one
 *            10 who began it  11 a mark of the caller's  12 when it ends, in seconds; 0: free
 *
 * One typed array, no objects: flows hash into buckets of eight, and a bucket that is full gives up the flow
 * that would end first. Flows that others began give way to ours, never the other way round, so that nobody can
 * flood our own conversations out of the table.
 */
import type { Instant } from '../base/instant.js';
import { wordAt } from '../ip/prefix-trie.js';
import { FLOWS_MAX, FLOWS_PER_BUCKET } from './limits.js';

/** Who sent a flow's first packet; `nobody`: there is no such flow. */
export const FLOW_BEGUN_BY = { nobody: 0, us: 1, peer: 2 } as const;
export type FlowBegunBy = (typeof FLOW_BEGUN_BY)[keyof typeof FLOW_BEGUN_BY];

const KEY_WORDS_V4 = 4;
const KEY_WORDS = 10;
const BEGUN_BY = 10;
const MARK = 11;
const ENDS_AT = 12;
const ENTRY_WORDS = 13;

const HASH_START = 0x9e3779b9;
const HASH_FACTOR = 0x85ebca6b;

const secondsOf = (now: Instant): number => Math.floor(now / 1000);

export class FlowTable {
  readonly #buckets: number;
  readonly #entries: Int32Array;
  readonly #key = new Int32Array(KEY_WORDS);
  /** Words of the key that say anything. */
  #keyWords = KEY_WORDS;
  /** Where the bucket of the key begins. */
  #bucketAt = 0;
  /** Where the entry of the key is; below 0: there is none. */
  #found = -1;

  /** `capacity`: a power of two of at least one bucket. */
  constructor(capacity = FLOWS_MAX) {
    this.#buckets = capacity / FLOWS_PER_BUCKET;
    this.#entries = new Int32Array(capacity * ENTRY_WORDS);
  }

  /** Forgets all flows. */
  clear(): void {
    this.#entries.fill(0);
  }

  /**
   * Looks up the flow between the addresses at `memory[localAt]` and `memory[remoteAt]`; `extend` and `add`
   * are about this flow until the next look-up.
   */
  find(
    memory: Uint8Array,
    version: number,
    protocol: number,
    localAt: number,
    remoteAt: number,
    localPort: number,
    remotePort: number,
    now: Instant,
  ): FlowBegunBy {
    const key = this.#key;
    key[0] = (version << 8) | protocol;
    key[1] = (localPort << 16) | remotePort;
    key[2] = wordAt(memory, localAt);
    key[3] = wordAt(memory, remoteAt);
    this.#keyWords = KEY_WORDS_V4;
    if (version !== 4) {
      this.#keyWords = KEY_WORDS;
      for (let i = 1; i < 4; i++) {
        key[3 + i] = wordAt(memory, localAt + 4 * i);
        key[6 + i] = wordAt(memory, remoteAt + 4 * i);
      }
    }
    return this.#search(secondsOf(now));
  }

  /** The mark of the flow that was found. */
  get mark(): number {
    return this.#entries[this.#found + MARK] ?? 0;
  }

  /** The flow that was found counts for `lifeS` from now. */
  extend(lifeS: number, now: Instant, mark = 0): void {
    if (this.#found < 0) return;
    this.#entries[this.#found + MARK] = mark;
    this.#entries[this.#found + ENDS_AT] = secondsOf(now) + lifeS;
  }

  /** Adds the flow that was looked for and not found. False: there is no room for a flow of `begunBy`. */
  add(begunBy: 1 | 2, lifeS: number, now: Instant, mark = 0): boolean {
    const entries = this.#entries;
    const at = this.#room(begunBy, secondsOf(now));
    if (at < 0) return false;
    for (let i = 0; i < this.#keyWords; i++) entries[at + i] = this.#key[i] ?? 0;
    entries[at + BEGUN_BY] = begunBy;
    entries[at + MARK] = mark;
    entries[at + ENDS_AT] = secondsOf(now) + lifeS;
    this.#found = at;
    return true;
  }

  #search(nowS: number): FlowBegunBy {
    const key = this.#key;
    const entries = this.#entries;
    let hash = HASH_START;
    for (let i = 0; i < this.#keyWords; i++) {
      hash = Math.imul(hash ^ (key[i] ?? 0), HASH_FACTOR);
      hash ^= hash >>> 15;
    }
    this.#bucketAt = (hash & (this.#buckets - 1)) * FLOWS_PER_BUCKET * ENTRY_WORDS;
    this.#found = -1;
    for (let i = 0; i < FLOWS_PER_BUCKET; i++) {
      const at = this.#bucketAt + i * ENTRY_WORDS;
      if ((entries[at + ENDS_AT] ?? 0) <= nowS || !this.#isKeyAt(at)) continue;
      this.#found = at;
      return (entries[at + BEGUN_BY] ?? 0) as FlowBegunBy;
    }
    return FLOW_BEGUN_BY.nobody;
  }

  #isKeyAt(at: number): boolean {
    const entries = this.#entries;
    const key = this.#key;
    for (let i = 0; i < this.#keyWords; i++) if (entries[at + i] !== key[i]) return false;
    return true;
  }

  /** A free place in the bucket, else the one that ends first among those that may be given up. */
  #room(begunBy: FlowBegunBy, nowS: number): number {
    const entries = this.#entries;
    let best = -1;
    let bestEndsAt = 0;
    let bestIsPeers = false;
    for (let i = 0; i < FLOWS_PER_BUCKET; i++) {
      const at = this.#bucketAt + i * ENTRY_WORDS;
      const endsAt = entries[at + ENDS_AT] ?? 0;
      if (endsAt <= nowS) return at;
      const isPeers = entries[at + BEGUN_BY] === FLOW_BEGUN_BY.peer;
      if (begunBy === FLOW_BEGUN_BY.peer && !isPeers) continue;
      const isBetter = isPeers === bestIsPeers ? endsAt < bestEndsAt : isPeers;
      if (best < 0 || isBetter) {
        best = at;
        bestEndsAt = endsAt;
        bestIsPeers = isPeers;
      }
    }
    return best;
  }
}
