import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instant } from '../base/instant.js';
import { DeadlineHeap } from './deadline-heap.js';

test('gives what is due, in order, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1000 })), fc.nat({ max: 1000 }), (deadlines, now) => {
      const heap = new DeadlineHeap<number>();
      for (const at of deadlines) heap.push(instant(at), at);
      const sorted = deadlines.toSorted((a, b) => a - b);
      expect(heap.earliest()).toBe(sorted[0]);
      const due: number[] = [];
      for (
        let next = heap.popDue(instant(now));
        next !== undefined;
        next = heap.popDue(instant(now))
      ) {
        expect(next.at).toBe(next.item);
        due.push(next.item);
      }
      expect(due).toEqual(sorted.filter((at) => at <= now));
      expect(heap.size).toBe(deadlines.length - due.length);
    }),
  );
});
