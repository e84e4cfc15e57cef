import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { after, instant } from '../base/instant.js';
import { type NodeKey, publicKeyFromBytes } from '../keys/keys.js';
import { FairQueue, type FairQueueLimits, type MemoryBudget } from './fair-queue.js';

const now = instant(0);
const source = (n: number): NodeKey => publicKeyFromBytes('node', new Uint8Array(32).fill(n));
const frame = (tag: number, length = 1000): Uint8Array => new Uint8Array(length).fill(tag);

function make(
  limits: FairQueueLimits = { packetsMax: 100, bytesMax: 1_000_000 },
  bytesMax = 1e9,
): { queue: FairQueue; memory: MemoryBudget; counters: Counters } {
  const memory = { bytesMax, usedBytes: 0 };
  const counters = new Counters();
  return { queue: new FairQueue('data', limits, memory, counters), memory, counters };
}

/** The tags of the next `count` frames. */
function take(queue: FairQueue, count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => queue.take(now)?.[0]);
}

test('one source alone keeps its order', () => {
  const { queue } = make();
  for (let i = 1; i <= 5; i++) queue.add(source(1), frame(i), now);
  expect(take(queue, 6)).toEqual([1, 2, 3, 4, 5, undefined]);
});

test('a source that comes late does not wait behind a flood', () => {
  const { queue } = make();
  for (let i = 0; i < 90; i++) queue.add(source(1), frame(1), now);
  queue.add(source(2), frame(2), now);
  queue.add(source(2), frame(2), now);
  expect(take(queue, 6)).toEqual([1, 1, 2, 2, 1, 1]);
});

test('small and large packets get the same bytes', () => {
  const { queue } = make({ packetsMax: 2000, bytesMax: 10_000_000 });
  for (let i = 0; i < 100; i++) queue.add(source(1), frame(1, 1500), now);
  for (let i = 0; i < 1500; i++) queue.add(source(2), frame(2, 100), now);
  const bytes = [0, 0, 0];
  for (let taken = 0; taken < 100_000; ) {
    const next = queue.take(now) ?? new Uint8Array();
    bytes[next[0] ?? 0] = (bytes[next[0] ?? 0] ?? 0) + next.length;
    taken += next.length;
  }
  expect((bytes[1] ?? 0) / (bytes[2] ?? 1)).toBeGreaterThan(0.9);
  expect((bytes[1] ?? 0) / (bytes[2] ?? 1)).toBeLessThan(1.1);
});

test('a frame larger than many rounds still passes', () => {
  const { queue } = make();
  queue.add(source(1), frame(1, 60_000), now);
  queue.add(source(2), frame(2, 100), now);
  expect(take(queue, 3)).toEqual([2, 1, undefined]);
});

describe('when it is full', () => {
  test('the fullest source loses its oldest packet, not the newcomer', () => {
    const { queue, counters } = make({ packetsMax: 10, bytesMax: 1_000_000 });
    for (let i = 1; i <= 20; i++) queue.add(source(1), frame(i), now);
    queue.add(source(2), frame(99), now);
    expect(queue.packets).toBe(10);
    expect(take(queue, 11)).toEqual([12, 13, 99, 14, 15, 16, 17, 18, 19, 20, undefined]);
    expect(counters.snapshot()).toEqual({ 'drop-data-full': 11 });
  });

  test('bytes count as well as packets', () => {
    const { queue } = make({ packetsMax: 1000, bytesMax: 10_000 });
    for (let i = 0; i < 50; i++) queue.add(source(i), frame(i), now);
    expect(queue.packets).toBe(10);
    expect(queue.bytes).toBe(10_000);
  });

  test('the memory of all queues together is bounded', () => {
    const { queue, memory, counters } = make(undefined, 5_500);
    const other = new FairQueue('disco', { packetsMax: 9, bytesMax: 9_000 }, memory, counters);
    for (let i = 0; i < 4; i++) queue.add(source(1), frame(i), now);
    for (let i = 0; i < 4; i++) other.add(source(2), frame(i), now);
    expect(memory.usedBytes).toBe(5_000);
    expect(counters.snapshot()).toEqual({ 'drop-disco-memory': 3 });
    queue.clear();
    other.clear();
    expect(memory.usedBytes).toBe(0);
  });
});

test('what waited over half a second is dropped, not sent', () => {
  const { queue, memory, counters } = make();
  queue.add(source(1), frame(1), now);
  queue.add(source(2), frame(2), after(now, 100));
  expect(queue.take(after(now, 501))?.[0]).toBe(2);
  expect(queue.take(after(now, 501))).toBeUndefined();
  expect(counters.snapshot()).toEqual({ 'drop-data-old': 1 });
  expect(memory.usedBytes).toBe(0);
});

test('nothing is lost or invented: taken + dropped = added, and the memory comes back', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 5 }), length: fc.integer({ min: 1, max: 4000 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ wait: fc.integer({ min: 1, max: 400 }) }),
    ),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, (script) => {
      const { queue, memory, counters } = make({ packetsMax: 12, bytesMax: 20_000 }, 15_000);
      let [added, taken, clock] = [0, 0, now];
      for (const step of script) {
        if ('add' in step) {
          queue.add(source(step.add), frame(step.add, step.length), clock);
          added += 1;
        } else if ('wait' in step) clock = after(clock, step.wait);
        else for (let i = 0; i < step.take; i++) if (queue.take(clock) !== undefined) taken += 1;
        expect(queue.packets).toBeLessThanOrEqual(12);
        expect(queue.bytes).toBeLessThanOrEqual(20_000);
        expect(memory.usedBytes).toBe(queue.bytes);
      }
      while (queue.take(clock) !== undefined) taken += 1;
      const dropped = Object.values(counters.snapshot()).reduce((sum, count) => sum + count, 0);
      expect(taken + dropped).toBe(added);
      expect([queue.packets, queue.bytes, memory.usedBytes]).toEqual([0, 0, 0]);
    }),
  );
});
