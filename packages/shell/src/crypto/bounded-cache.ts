/** A map of at most `limit` entries that forgets the least recently used one. */
export class BoundedCache<Value> {
  readonly #limit: number;
  /** A Map iterates in insertion order; a used entry is inserted again, so the first is the oldest. */
  readonly #entries = new Map<string, Value>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value of `key`, made by `make` when it is not there. */
  get(key: string, make: () => Value): Value {
    const present = this.#entries.get(key);
    if (present !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, present);
      return present;
    }
    const made = make();
    if (this.#entries.size >= this.#limit) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(key, made);
    return made;
  }
}
