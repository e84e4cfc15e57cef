/**
 * Longest-prefix match, straight on packet bytes: WireGuard's allowed IPs. A trie per family does the
 * matching (`prefix-trie.ts`); this keeps who owns which prefix.
 */
import { addressBytes, familyOf, type IpAddress } from './address.js';
import { type Prefix, prefixAddress, prefixBits } from './prefix.js';
import { PrefixTrie, wordAt } from './prefix-trie.js';

/** An address as a trie takes it. */
export function wordsOf(address: IpAddress): Int32Array {
  const bytes = addressBytes(address);
  const words = new Int32Array(4);
  for (let i = 0; 4 * i < bytes.length; i++) words[i] = wordAt(bytes, 4 * i);
  return words;
}

/**
 * Prefixes of both families, each with a value. Values are compared by identity and are never
 * undefined. One prefix has one value: inserting it again gives it to the new one, as WireGuard does.
 */
export class PrefixTable<T> {
  readonly #v4 = new PrefixTrie<T>(32);
  readonly #v6 = new PrefixTrie<T>(128);
  readonly #values = new Map<Prefix, T>();
  readonly #prefixes = new Map<T, Set<Prefix>>();

  /** Number of prefixes. */
  get size(): number {
    return this.#values.size;
  }

  /** Nodes that the prefixes take, forks included: fewer than two each, however much was removed. */
  get nodes(): number {
    return this.#v4.nodes + this.#v6.nodes;
  }

  /** Adds `prefix` or moves it to `value`. */
  insert(prefix: Prefix, value: T): void {
    this.#forget(prefix);
    this.#values.set(prefix, value);
    const prefixes = this.#prefixes.get(value);
    if (prefixes === undefined) this.#prefixes.set(value, new Set([prefix]));
    else prefixes.add(prefix);
    const address = prefixAddress(prefix);
    this.#trieOf(address).insert(wordsOf(address), prefixBits(prefix), value);
  }

  /** Removes one prefix; nothing happens when it isn't there. */
  delete(prefix: Prefix): void {
    if (!this.#forget(prefix)) return;
    const address = prefixAddress(prefix);
    this.#trieOf(address).delete(wordsOf(address), prefixBits(prefix));
  }

  /** Removes all prefixes of `value`; the cost is in their number, not in the table's. */
  removeValue(value: T): void {
    for (const prefix of this.#prefixes.get(value) ?? []) this.delete(prefix);
  }

  /** The value of the longest prefix that holds `address`. */
  lookup(address: IpAddress): T | undefined {
    const words = wordsOf(address);
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    return this.#trieOf(address).lookup(w0, w1, w2, w3);
  }

  /** Looks up the four bytes at `memory[at]`. Allocates nothing. */
  lookupV4(memory: Uint8Array, at: number): T | undefined {
    return this.#v4.lookup(wordAt(memory, at), 0, 0, 0);
  }

  /** Looks up the sixteen bytes at `memory[at]`; a mapped IPv4 address is an IPv6 one here. Allocates nothing. */
  lookupV6(memory: Uint8Array, at: number): T | undefined {
    return this.#v6.lookup(
      wordAt(memory, at),
      wordAt(memory, at + 4),
      wordAt(memory, at + 8),
      wordAt(memory, at + 12),
    );
  }

  #trieOf(address: IpAddress): PrefixTrie<T> {
    return familyOf(address) === 4 ? this.#v4 : this.#v6;
  }

  #forget(prefix: Prefix): boolean {
    const value = this.#values.get(prefix);
    if (value === undefined) return false;
    this.#values.delete(prefix);
    const prefixes = this.#prefixes.get(value);
    prefixes?.delete(prefix);
    if (prefixes?.size === 0) this.#prefixes.delete(value);
    return true;
  }
}
