import { expect, test } from 'vitest';
import { NewestConnections } from './newest-connections.js';
import { nodesMax } from './state.js';

test('once a later connection has spoken for a node, earlier ones count no more', () => {
  const newest = new NewestConnections();
  expect(newest.speaks(1, 10)).toBe(true);
  expect(newest.speaks(1, 10)).toBe(true);
  expect(newest.speaks(1, 12)).toBe(true);
  expect(newest.speaks(1, 10)).toBe(false);
  expect(newest.speaks(1, 12)).toBe(true);
});

test('nodes have nothing to do with each other', () => {
  const newest = new NewestConnections();
  newest.speaks(1, 12);
  expect(newest.speaks(2, 3)).toBe(true);
});

test('it remembers as many nodes as a server may have', () => {
  const newest = new NewestConnections();
  for (let node = 0; node < nodesMax + 5; node++) newest.speaks(node, node);
  expect(newest.size).toBe(nodesMax);
  expect(newest.speaks(nodesMax, 0)).toBe(false);
});
