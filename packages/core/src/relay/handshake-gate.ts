/** Bounds the connections that have not proved a key yet, in all and by source address. */
export class HandshakeGate {
  readonly #max: number;
  readonly #perSourceMax: number;
  readonly #bySource = new Map<string, number>();
  #total = 0;

  constructor(max: number, perSourceMax: number) {
    this.#max = max;
    this.#perSourceMax = perSourceMax;
  }

  /** Counts one more of `source`; false, and nothing counted, when there are too many. */
  enter(source: string): boolean {
    const ofSource = this.#bySource.get(source) ?? 0;
    if (this.#total >= this.#max || ofSource >= this.#perSourceMax) return false;
    this.#total += 1;
    this.#bySource.set(source, ofSource + 1);
    return true;
  }

  /** One of `source` is done, either way. */
  leave(source: string): void {
    this.#total -= 1;
    const left = (this.#bySource.get(source) ?? 1) - 1;
    if (left === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, left);
  }
}
