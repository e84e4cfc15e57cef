/** When node keys expire, the next one first; a node whose time is changed is not looked for, but passed over. */
import { EventHeap } from '../../base/event-heap.js';
import { type Instant, type WallTime, wallTime } from '../../base/instant.js';
import type { NodeId } from './state.js';

export class ExpiryQueue {
  readonly #heap = new EventHeap();
  readonly #times = new Map<NodeId, WallTime>();
  readonly #due: NodeId[] = [];

  /** Undefined: never. */
  set(node: NodeId, time: WallTime | undefined): void {
    if (this.#times.get(node) === time) return;
    if (time === undefined) {
      this.#times.delete(node);
      return;
    }
    this.#times.set(node, time);
    // Wall times among themselves: the heap only compares.
    this.#heap.plan(time as number as Instant, () => {
      if (this.#times.get(node) === time) this.#due.push(node);
    });
  }

  /** Perhaps of a node whose time has been changed since. */
  get next(): WallTime | undefined {
    const next = this.#heap.nextAt();
    return next === undefined ? undefined : wallTime(next);
  }

  /** Nodes whose time has come, each once. */
  due(wall: WallTime): readonly NodeId[] {
    for (let next = this.next; next !== undefined && next <= wall; next = this.next) {
      this.#heap.take().run();
    }
    return this.#due.splice(0);
  }
}
