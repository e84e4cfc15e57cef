/** Things to happen, by time and then by the order in which they were planned: the world's only clock. */
import { assert } from '../../base/assert.js';
import type { Instant } from '../../base/instant.js';

interface Planned {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

export class EventHeap {
  readonly #heap: Planned[] = [];
  #planned = 0;

  get size(): number {
    return this.#heap.length;
  }

  plan(at: Instant, run: () => void): void {
    this.#heap.push({ at, order: this.#planned++, run });
    this.#siftUp(this.#heap.length - 1);
  }

  /** When the next event is due. */
  nextAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /** Removes and returns the next event. */
  take(): Planned {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    assert(first !== undefined && last !== undefined, 'an event is planned');
    if (first !== last) {
      this.#heap[0] = last;
      this.#siftDown(0);
    }
    return first;
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a], this.#heap[b]];
    if (left === undefined || right === undefined) return false;
    return left.at === right.at ? left.order < right.order : left.at < right.at;
  }

  #swap(a: number, b: number): void {
    const [left, right] = [this.#heap[a], this.#heap[b]];
    assert(left !== undefined && right !== undefined, 'both are in the heap');
    this.#heap[a] = right;
    this.#heap[b] = left;
  }

  #siftUp(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #siftDown(from: number): void {
    for (let at = from; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let first = at;
      if (this.#isBefore(left, first)) first = left;
      if (this.#isBefore(right, first)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }
}
