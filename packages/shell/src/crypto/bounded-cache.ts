import { RecentMap } from '@warren/core/base/recent-map';

/** Values made when they are first asked for, `limit` of them at most: the least recently used is forgotten. */
export class BoundedCache<Value> {
  readonly #entries: RecentMap<string, Value>;

  constructor(limit: number) {
    this.#entries = new RecentMap(limit);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value of `key`, made by `make` when it is not there. */
  get(key: string, make: () => Value): Value {
    const value = this.#entries.get(key) ?? make();
    this.#entries.set(key, value);
    return value;
  }
}
