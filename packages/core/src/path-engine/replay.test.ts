import { easyNat, hardNat } from '@warren/core/path-engine/testing/nat';
import { World } from '@warren/core/path-engine/testing/world';
import { expect, test } from 'vitest';

/** A busy quarter of an hour: talk, loss, a move, a restart, a relay that fails. */
function story(seed: number): World {
  const world = new World(seed);
  const relay = world.addRelay(900);
  world.addRelay(901, 30);
  const a = world.addNode('a', { nat: easyNat });
  const b = world.addNode('b', { nat: easyNat, accessMs: 35 });
  const c = world.addNode('c', { nat: hardNat });
  const d = world.addNode('d');
  world.internet.loss = 0.03;
  world.run(3000);
  for (const [from, to] of [
    [a, b],
    [b, c],
    [c, d],
    [d, a],
  ] as const) {
    from.talkTo(to, 200);
  }
  world.run(60_000);
  a.move(world.place({ nat: hardNat }));
  world.run(60_000);
  relay.stop();
  world.run(30_000);
  relay.up = true;
  c.restart();
  world.run(60_000);
  return world;
}

test('the same seed gives the same history to the last byte, another seed another one', {
  timeout: 120_000,
}, () => {
  const [first, again, other] = [story(42), story(42), story(43)];
  expect(again.fingerprint).toBe(first.fingerprint);
  expect(other.fingerprint).not.toBe(first.fingerprint);
});
