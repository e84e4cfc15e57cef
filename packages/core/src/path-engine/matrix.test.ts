/** Many seeds, every pair of NATs, with loss: the outcome depends on the NATs and on nothing else. */
import { coneNat, easyNat, hardNat } from '@warren/core/path-engine/testing/nat';
import { type NodeSpec, World } from '@warren/core/path-engine/testing/world';
import { expect, test } from 'vitest';

const KINDS = {
  open: {},
  cone: { nat: coneNat },
  easy: { nat: easyNat },
  hard: { nat: hardNat },
} satisfies Record<string, NodeSpec>;

type Kind = keyof typeof KINDS;
const names = Object.keys(KINDS) as Kind[];

/** One hard NAT's port is guessed; those of two are too many. */
function expectedDirect(left: Kind, right: Kind): boolean {
  return left !== 'hard' || right !== 'hard';
}

const pairs = names.flatMap((left) => names.map((right) => [left, right] as const));

test.each(pairs)('%s and %s', (left, right) => {
  for (let seed = 1; seed <= 4; seed++) {
    const world = new World(1000 + seed);
    world.addRelay(900, 5 + 10 * seed);
    world.addRelay(901, 40);
    const a = world.addNode('a', { ...KINDS[left], accessMs: 3 * seed });
    const b = world.addNode('b', { ...KINDS[right], accessMs: 20 });
    world.internet.loss = 0.05;
    world.run(5000);
    a.talkTo(b);
    b.talkTo(a);
    world.run(20_000);
    const paths = a.plane.pathsTo(b.key).map(({ kind }) => kind);
    // Beside a direct path the relay may stand for a moment, when a ping was just lost.
    const outcome = paths[0] ?? 'none';
    expect(`seed ${world.seed}: ${outcome}`).toBe(
      `seed ${world.seed}: ${expectedDirect(left, right) ? 'direct' : 'relay'}`,
    );
    const traffic = b.plane.trafficFrom(a.key);
    expect(traffic.received / a.plane.sentTo(b.key)).toBeGreaterThan(0.88);
    expect(traffic.longestGapMs).toBeLessThan(1500);
  }
});
