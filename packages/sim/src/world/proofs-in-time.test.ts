import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test } from 'vitest';
import { cellTopology } from '../matrix/cell-topology.js';
import { profileNamed } from '../matrix/profiles.js';
import { Echo } from '../traffic/echo.js';
import { SimWorld } from './sim-world.js';

const searchMs = 8000;

test.each([
  ['hard', 'easy'],
  ['easy', 'hard'],
])('when %s calls %s, no plan has to wait until an address is proven', (from, to) => {
  const [left, right] = [profileNamed(from), profileNamed(to)];
  if (left === undefined || right === undefined) throw new Error('both are profiles');
  const topology = cellTopology({ left, right });
  const world = new SimWorld({ topology, seed: 5, crypto: createNodeCrypto() });
  expect(world.join(30_000)).toBe(true);
  world.clock.run(10_000);
  const ends = [world.node('left'), world.node('right')] as const;
  new Echo(world).ask(...ends);
  const count = (name: string): readonly number[] =>
    ends.map((node) => node.engine?.status(world.clock.now).counters[name] ?? 0);
  world.clock.run(searchMs);
  expect(count('port-search-found')).toEqual([1, 1]);
  expect(count('address-proof-proven')).toEqual([1, 1]);
  expect(count('port-plan-awaits-proof')).toEqual([0, 0]);
});
