/**
 * Named counters: what a machine dropped, refused or did, by reason.
 *
 * Names are literals of our own (never peer input), so the table is bounded by the source text.
 */
export class Counters {
  readonly #values = new Map<string, number>();

  /** Adds `by` (default 1) to `name`. */
  add(name: string, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by);
  }

  /** The value of `name`; 0 when it was never counted. */
  get(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  /** A copy of all counters, sorted by name, fit for JSON. */
  snapshot(): Record<string, number> {
    const sorted = [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted);
  }
}
