/**
 * A map from whole numbers that is never changed: `with` and `without` give another one, which shares all but a
 * few small arrays with the old. What differs between two is found by what they don't share.
 *
 *     level 2            [ . . . ]             32 ways each; an id's digits to the base of 32 are the way
 *     level 1      [ . . . ] [ . . . ]
 *     level 0   [values] [values] [values]
 */
import { assert } from './assert.js';

const WAYS = 32;

type Branch = readonly (Branch | undefined)[];

const EMPTY: Branch = [];

/** How many ids a branch of a level spans. */
const spanOf = (level: number): number => WAYS ** (level + 1);

export class IdMap<Value extends object> implements ReadonlyMap<number, Value> {
  readonly #root: Branch;
  readonly #level: number;
  readonly size: number;

  private constructor(root: Branch, level: number, size: number) {
    this.#root = root;
    this.#level = level;
    this.size = size;
  }

  static empty<Value extends object>(): IdMap<Value> {
    return new IdMap<Value>(EMPTY, 0, 0);
  }

  /** The entries of any map; the very one if it is of this kind. Ids are whole and not below 0. */
  static of<Value extends object>(entries: ReadonlyMap<number, Value>): IdMap<Value> {
    if (entries instanceof IdMap) return entries as IdMap<Value>;
    let map = IdMap.empty<Value>();
    for (const [id, value] of entries) map = map.with(id, value);
    return map;
  }

  get(id: number): Value | undefined {
    if (id < 0 || id >= spanOf(this.#level)) return undefined;
    let branch: Branch | undefined = this.#root;
    let rest = id;
    for (let level = this.#level; level > 0 && branch !== undefined; level--) {
      const span = WAYS ** level;
      branch = branch[Math.floor(rest / span)];
      rest %= span;
    }
    return branch?.[rest] as Value | undefined;
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  with(id: number, value: Value): IdMap<Value> {
    assert(Number.isSafeInteger(id) && id >= 0, 'ids are whole numbers');
    const old = this.get(id);
    if (old === value) return this;
    let [root, level] = [this.#root, this.#level];
    for (; id >= spanOf(level); level++) root = root.length === 0 ? EMPTY : [root];
    const size = this.size + (old === undefined ? 1 : 0);
    return new IdMap(replaced(root, level, id, value as unknown as Branch), level, size);
  }

  without(id: number): IdMap<Value> {
    if (!this.has(id)) return this;
    return new IdMap(replaced(this.#root, this.#level, id, undefined), this.#level, this.size - 1);
  }

  /** Ids under which the two have different values, one of them perhaps none. */
  static *differences<Value extends object>(
    one: IdMap<Value>,
    other: IdMap<Value>,
  ): Generator<number> {
    const level = Math.max(one.#level, other.#level);
    yield* differing(one.#raised(level), other.#raised(level), level, 0);
  }

  *entries(): Generator<[number, Value]> {
    yield* entriesOf(this.#root, this.#level, 0) as Generator<[number, Value]>;
  }

  *keys(): Generator<number> {
    for (const [id] of this.entries()) yield id;
  }

  *values(): Generator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  /** By ascending id. */
  [Symbol.iterator](): Generator<[number, Value]> {
    return this.entries();
  }

  forEach(call: (value: Value, id: number, map: ReadonlyMap<number, Value>) => void): void {
    for (const [id, value] of this.entries()) call(value, id, this);
  }

  /** The same entries under a root of a higher level. */
  #raised(level: number): Branch {
    let root = this.#root;
    for (let at = this.#level; at < level; at++) root = [root];
    return root;
  }
}

function replaced(branch: Branch, level: number, id: number, value: Branch | undefined): Branch {
  const copy =
    branch.length === 0 ? new Array<Branch | undefined>(WAYS).fill(undefined) : [...branch];
  while (copy.length < WAYS) copy.push(undefined);
  if (level === 0) {
    copy[id] = value;
    return copy;
  }
  const span = WAYS ** level;
  const way = Math.floor(id / span);
  copy[way] = replaced(copy[way] ?? EMPTY, level - 1, id % span, value);
  return copy;
}

function* entriesOf(branch: Branch, level: number, from: number): Generator<[number, unknown]> {
  const span = WAYS ** level;
  for (const [way, child] of branch.entries()) {
    if (child === undefined) continue;
    const first = from + way * span;
    if (level === 0) yield [first, child];
    else yield* entriesOf(child, level - 1, first);
  }
}

function* differing(one: Branch, other: Branch, level: number, from: number): Generator<number> {
  const span = WAYS ** level;
  for (let way = 0; way < WAYS; way++) {
    const [a, b] = [one[way], other[way]];
    if (a === b) continue;
    const first = from + way * span;
    if (level === 0) yield first;
    else yield* differing(a ?? EMPTY, b ?? EMPTY, level - 1, first);
  }
}
