import { type Instant, instant } from '@warren/core/base/instant';
import { AwakePeers } from '@warren/core/path-engine/awake-peers';
import type { Peer } from '@warren/core/path-engine/peers';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('the next time is always the earliest of all, and who is due is who waits no longer', () => {
  const step = fc.tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const peers = Array.from({ length: 10 }, (_, i) => ({ key: String(i) }) as unknown as Peer);
      const awake = new AwakePeers();
      const model = new Map<Peer, Instant>();
      for (const [index, at, ask] of steps) {
        const peer = peers[index];
        if (peer === undefined) continue;
        awake.set(peer, at === undefined ? undefined : instant(at));
        if (at === undefined) model.delete(peer);
        else model.set(peer, instant(at));
        if (!ask) continue;
        const first = Math.min(...model.values());
        expect(awake.nextTimeout() ?? Infinity).toBe(first);
        const due = [...model].filter(([, deadline]) => deadline <= 25).map(([one]) => one);
        expect(new Set(awake.due(instant(25)))).toEqual(new Set(due));
      }
      expect(new Set(awake)).toEqual(new Set(model.keys()));
    }),
  );
});
