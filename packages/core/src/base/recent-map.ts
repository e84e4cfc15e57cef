/**
 * A Map that holds so many entries and no more: who is set last stays longest, and the one that was set the longest
 * ago makes room. Bounds what peers can make us remember.
 */
export class RecentMap<Key, Value> extends Map<Key, Value> {
  readonly #limit: number;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  /** Makes `key` the newest, whether it was there or not. */
  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#limit) {
      for (const oldest of this.keys()) {
        this.delete(oldest);
        break;
      }
    }
    return this;
  }
}
