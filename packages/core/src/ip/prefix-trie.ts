/**
 * A binary trie with compressed paths over prefixes of one family: the working part of
 * `PrefixTable`.
 *
 * A node is a prefix that was inserted or a fork where two of them part; its children are longer prefixes
 * inside it:
 *
 *     0.0.0.0/0 -- 10.0.0.0/8 -- 10.1.0.0/16
 *                      \-------- (10.128.0.0/9) -- 10.200.0.0/16
 *                                       \--------- 10.255.0.0/16
 *
 * Nodes live in one typed array and are named by index, so a lookup touches no object and allocates
 * nothing; it takes one step per fork on the way (about 14 with 10,000 prefixes). An address is four
 * 32-bit words, IPv4 in the first. Compare with wireguard-go's `allowedips.go`.
 */

/**
 * A node is eight words, half a cache line: the prefix, its length, its children, and whether it has a
 * value. Host bits of the prefix are zero.
 */
const WORDS_PER_NODE = 8;
const BITS = 4;
const LEFT = 5;
const RIGHT = 6;
const MARK = 7;

/** Index 0 is never a node, so that 0 means "no child". */
const NONE = 0;

/** Nodes of a new trie; it doubles when it is full. */
const FIRST_CAPACITY_NODES = 16;

/** The 32-bit word at `memory[at]`, as a lookup takes it. */
export function wordAt(memory: Uint8Array, at: number): number {
  return (
    ((memory[at] ?? 0) << 24) |
    ((memory[at + 1] ?? 0) << 16) |
    ((memory[at + 2] ?? 0) << 8) |
    (memory[at + 3] ?? 0)
  );
}

/** The mask of word `index` (0 to 3) of a prefix of `bits`. */
function maskWord(bits: number, index: number): number {
  const kept = Math.min(32, Math.max(0, bits - 32 * index));
  return kept === 0 ? 0 : -1 << (32 - kept);
}

/** One family's trie. Prefixes come as four words without host bits. */
export class PrefixTrie<T> {
  readonly #widestBits: number;
  #nodes = new Int32Array(FIRST_CAPACITY_NODES * WORDS_PER_NODE);
  /** By node; a fork has none. */
  readonly #values: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];
  #root = NONE;

  constructor(widestBits: 32 | 128) {
    this.#widestBits = widestBits;
  }

  /**
   * The value of the longest prefix that holds the address, which is four words. Forks are passed by
   * their bit alone: only a node with a value is compared, and the last that holds wins.
   */
  lookup(w0: number, w1: number, w2: number, w3: number): T | undefined {
    const nodes = this.#nodes;
    const widest = this.#widestBits;
    let best = NONE;
    let node = this.#root;
    while (node !== NONE) {
      const at = node * WORDS_PER_NODE;
      const bits = nodes[at + BITS] ?? 0;
      if (nodes[at + MARK] !== 0) {
        if (!holds(nodes, at, bits, w0, w1, w2, w3)) break;
        best = node;
      }
      if (bits === widest) break;
      const word = bits < 64 ? (bits < 32 ? w0 : w1) : bits < 96 ? w2 : w3;
      node = nodes[at + LEFT + ((word >>> (31 - (bits & 31))) & 1)] ?? NONE;
    }
    return this.#values[best];
  }

  /** Nodes in use. */
  get nodes(): number {
    return this.#values.length - 1 - this.#free.length;
  }

  /** Adds the prefix or replaces its value. */
  insert(key: Int32Array, bits: number, value: T): void {
    let parent = NONE;
    let node = this.#root;
    while (node !== NONE) {
      const shared = this.#sharedBits(node, key, bits);
      const own = this.#word(node, BITS);
      if (shared < own) {
        this.#insertAbove(parent, node, key, bits, shared, value);
        return;
      }
      if (own === bits) {
        this.#setValue(node, value);
        return;
      }
      parent = node;
      node = this.#word(node, LEFT + bitOf(key, own));
    }
    this.#attach(parent, this.#newNode(key, bits, value));
  }

  /** Removes the prefix if it is there, and the fork that it leaves useless. */
  delete(key: Int32Array, bits: number): void {
    let grandparent = NONE;
    let parent = NONE;
    let node = this.#root;
    while (node !== NONE && this.#word(node, BITS) < bits) {
      grandparent = parent;
      parent = node;
      node = this.#word(node, LEFT + bitOf(key, this.#word(node, BITS)));
    }
    if (node === NONE || this.#word(node, BITS) !== bits) return;
    if (this.#sharedBits(node, key, bits) < bits) return;
    this.#setValue(node, undefined);
    this.#splice(parent, node);
    if (parent !== NONE) this.#splice(grandparent, parent);
  }

  /** Puts a new prefix above `node`, with which it shares only `shared` bits, under `parent`. */
  #insertAbove(
    parent: number,
    node: number,
    key: Int32Array,
    bits: number,
    shared: number,
    value: T,
  ): void {
    const above = this.#newNode(key, shared, shared === bits ? value : undefined);
    this.#attach(parent, above);
    this.#attach(above, node);
    if (shared < bits) this.#attach(above, this.#newNode(key, bits, value));
  }

  /** Makes `child` the child of `parent` on the side where its bits lead; no parent: the root. */
  #attach(parent: number, child: number): void {
    if (parent === NONE) {
      this.#root = child;
      return;
    }
    const bit = this.#word(parent, BITS);
    const side = (this.#word(child, bit >> 5) >>> (31 - (bit & 31))) & 1;
    this.#nodes[parent * WORDS_PER_NODE + LEFT + side] = child;
  }

  /** Takes a node out of the tree if it has no value and at most one child. */
  #splice(parent: number, node: number): void {
    const left = this.#word(node, LEFT);
    const right = this.#word(node, RIGHT);
    if (this.#word(node, MARK) !== 0 || (left !== NONE && right !== NONE)) return;
    const heir = left === NONE ? right : left;
    if (parent === NONE) this.#root = heir;
    else {
      const side = this.#word(parent, LEFT) === node ? LEFT : RIGHT;
      this.#nodes[parent * WORDS_PER_NODE + side] = heir;
    }
    this.#free.push(node);
  }

  #newNode(key: Int32Array, bits: number, value: T | undefined): number {
    const node = this.#free.pop() ?? this.#values.length;
    const at = node * WORDS_PER_NODE;
    if (at >= this.#nodes.length) {
      const grown = new Int32Array(2 * this.#nodes.length);
      grown.set(this.#nodes);
      this.#nodes = grown;
    }
    for (let i = 0; i < BITS; i++) this.#nodes[at + i] = (key[i] ?? 0) & maskWord(bits, i);
    this.#nodes[at + BITS] = bits;
    this.#nodes[at + LEFT] = NONE;
    this.#nodes[at + RIGHT] = NONE;
    this.#setValue(node, value);
    return node;
  }

  #setValue(node: number, value: T | undefined): void {
    this.#values[node] = value;
    this.#nodes[node * WORDS_PER_NODE + MARK] = value === undefined ? 0 : 1;
  }

  #word(node: number, index: number): number {
    return this.#nodes[node * WORDS_PER_NODE + index] ?? 0;
  }

  /** How many leading bits the node's prefix and the prefix of `bits` at `key` have in common. */
  #sharedBits(node: number, key: Int32Array, bits: number): number {
    const limit = Math.min(this.#word(node, BITS), bits);
    for (let i = 0; 32 * i < limit; i++) {
      const difference = this.#word(node, i) ^ (key[i] ?? 0);
      if (difference !== 0) return Math.min(limit, 32 * i + Math.clz32(difference));
    }
    return limit;
  }
}

/** True when the prefix of the node at `nodes[at]`, `bits` long, holds the address. */
function holds(
  nodes: Int32Array,
  at: number,
  bits: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): boolean {
  let difference = (nodes[at] ?? 0) ^ w0;
  if (bits <= 32) return bits === 0 || difference >>> (32 - bits) === 0;
  if (difference !== 0) return false;
  difference = (nodes[at + 1] ?? 0) ^ w1;
  if (bits <= 64) return difference >>> (64 - bits) === 0;
  if (difference !== 0) return false;
  difference = (nodes[at + 2] ?? 0) ^ w2;
  if (bits <= 96) return difference >>> (96 - bits) === 0;
  if (difference !== 0) return false;
  return ((nodes[at + 3] ?? 0) ^ w3) >>> (128 - bits) === 0;
}

function bitOf(key: Int32Array, bit: number): number {
  return ((key[bit >> 5] ?? 0) >>> (31 - (bit & 31))) & 1;
}
