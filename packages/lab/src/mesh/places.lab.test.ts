/** Waiting for what comes up inside a world. */
import { expect, test } from 'vitest';
import { skipsLab } from '../testing/lab-ring.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';
import { until } from './places.js';

test.skipIf(await skipsLab())('nothing is waited for in a world that has ended', async () => {
  const interruption = new AbortController();
  const world = await startWorld(natZoo, { signal: interruption.signal });
  let tries = 0;
  const wait = until(world, 'server', 'the sea', () => {
    tries += 1;
    if (tries === 3) interruption.abort();
    throw new Error('not yet');
  });
  await expect(wait).rejects.toMatchObject({ code: 'LAB_WORLD_ENDED', message: /the sea/ });
  // The kernel takes a moment to end a world; 30 s is how long a living one is waited for.
  expect(tries).toBeLessThan(100);
});
