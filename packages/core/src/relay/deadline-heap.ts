/**
 * Which of many connections wants to be woken first. A binary heap; entries are never removed before their time,
 * so the owner checks on waking whether the deadline still stands and arms a new one.
 */
import type { Instant } from '../base/instant.js';

interface Entry<Item> {
  readonly at: Instant;
  readonly item: Item;
}

export class DeadlineHeap<Item> {
  readonly #entries: Entry<Item>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The earliest deadline; undefined when there is none. */
  earliest(): Instant | undefined {
    return this.#entries[0]?.at;
  }

  push(at: Instant, item: Item): void {
    const entries = this.#entries;
    let hole = entries.length;
    const entry = { at, item };
    entries.push(entry);
    while (hole > 0) {
      const up = (hole - 1) >> 1;
      const parent = entries[up];
      if (parent === undefined || parent.at <= at) break;
      entries[hole] = parent;
      hole = up;
    }
    entries[hole] = entry;
  }

  /** Takes the earliest entry if it is due. */
  popDue(now: Instant): Entry<Item> | undefined {
    const entries = this.#entries;
    const first = entries[0];
    if (first === undefined || first.at > now) return undefined;
    const last = entries.pop();
    if (last !== undefined && entries.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `entry` where the root was and lets it sink. */
  #sink(entry: Entry<Item>): void {
    const entries = this.#entries;
    let hole = 0;
    for (;;) {
      const leftAt = 2 * hole + 1;
      const left = entries[leftAt];
      if (left === undefined) break;
      const right = entries[leftAt + 1];
      const [child, childAt] =
        right !== undefined && right.at < left.at ? [right, leftAt + 1] : [left, leftAt];
      if (child.at >= entry.at) break;
      entries[hole] = child;
      hole = childAt;
    }
    entries[hole] = entry;
  }
}
