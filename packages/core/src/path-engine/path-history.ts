/** The latest path changes of all peers, with their causes. */
import type { PathChange } from './io.js';

/** Entries kept: days of a calm network, minutes of a flapping one. */
export const maxPathChanges = 256;

export class PathHistory {
  readonly #changes: PathChange[] = [];

  add(change: PathChange): void {
    this.#changes.push(change);
    if (this.#changes.length > maxPathChanges) this.#changes.shift();
  }

  /** Oldest first. */
  list(): readonly PathChange[] {
    return [...this.#changes];
  }
}
