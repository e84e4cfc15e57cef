/** Things to happen, by time and then by the order in which they were planned: the order is total. */
import { assert } from './assert.js';
import type { Instant } from './instant.js';

export interface Planned {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}

/** A binary heap; the earliest event is at index 0. */
export class EventHeap {
  readonly #heap: Planned[] = [];
  #planned = 0;

  get size(): number {
    return this.#heap.length;
  }

  plan(at: Instant, run: () => void): void {
    const event = { at, order: this.#planned++, run };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  /** When the next event is due. */
  nextAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /** Removes and returns the next event. */
  take(): Planned {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    assert(first !== undefined && last !== undefined, 'an event is planned');
    if (first !== last) this.#sink(last);
    return first;
  }

  /** Puts `event` where the root was and lets it sink to its place. */
  #sink(event: Planned): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      let child = heap[left];
      let childIndex = left;
      const right = heap[left + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex = left + 1;
      }
      if (child === undefined || !isBefore(child, event)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = event;
  }
}
