import fc from 'fast-check';
import { expect, test } from 'vitest';
import { after, instant } from '../base/instant.js';
import { ProbePace, probesPerSecond } from './probe-pace.js';

test('within any second no more than 500 go, however they are asked for, and all go in the end', () => {
  const asks = fc.array(
    fc.record({ wanted: fc.integer({ min: 1, max: 400 }), pauseMs: fc.nat(300) }),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(asks, (all) => {
      const pace = new ProbePace();
      const sent: { readonly at: number; readonly count: number }[] = [];
      let now = instant(0);
      for (const { wanted, pauseMs } of all) {
        now = after(now, pauseMs);
        for (let left = wanted; left > 0; ) {
          const count = pace.take(left, now);
          left -= count;
          if (count > 0) sent.push({ at: now, count });
          if (left > 0) {
            const next = pace.freeAt(now);
            expect(next).toBeGreaterThan(now);
            now = next;
          }
        }
      }
      for (const { at } of sent) {
        const within = sent.filter((one) => one.at >= at && one.at < at + 1000);
        expect(within.reduce((sum, one) => sum + one.count, 0)).toBeLessThanOrEqual(
          probesPerSecond,
        );
      }
    }),
  );
});
