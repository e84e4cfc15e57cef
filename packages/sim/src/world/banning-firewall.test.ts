/**
 * A firewall that bans whoever sends it too much unasked, in front of the one peer of a hard NAT: the pings that open
 * the NAT get it banned, unless they die on the way.
 */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { beforeEach, expect, test, vi } from 'vitest';
import { keyOf } from '../demo/evidence.js';
import { cellTopology } from '../matrix/cell-topology.js';
import { profileNamed } from '../matrix/profiles.js';
import type { SimNode } from '../node/sim-node.js';
import { Echo } from '../traffic/echo.js';
import { SimWorld } from './sim-world.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ASK_EVERY_MS = 500;
/**
 * The first two attempts fail, for the first is banned and the second comes too early, and spend all that the guessing
 * side may send in ten minutes. Then an attempt of few hops has to come when there are guesses left again.
 */
const PATIENCE_MS = 20 * 60_000;
/** From the first opening ping until the path is proven. */
const ATTEMPT_MS = 5_000;
/** No mapping and no ban lasts so long, and the guesses are there again. */
const FORGOTTEN_MS = 11 * 60_000;

let world: SimWorld;
let hard: SimNode;
let banning: SimNode;

/** Asks until the path is direct at both ends; when that was, undefined: never. */
function talk(): number | undefined {
  const echo = new Echo(world);
  const startedAt = world.clock.now;
  while (world.clock.now - startedAt < PATIENCE_MS) {
    echo.ask(hard, banning);
    world.clock.run(ASK_EVERY_MS);
    if (hard.isDirectTo(keyOf(banning)) && banning.isDirectTo(keyOf(hard))) return world.clock.now;
  }
  return undefined;
}

beforeEach(() => {
  const [left, right] = [profileNamed('hard'), profileNamed('easy-banning')];
  if (left === undefined || right === undefined) throw new Error('both are profiles');
  const topology = cellTopology({ left, right });
  world = new SimWorld({ topology, seed: 1, crypto: createNodeCrypto() });
  [hard, banning] = [world.node('left'), world.node('right')];
  expect(world.join(30_000)).toBe(true);
  world.clock.run(10_000);
});

test('is passed in the end, by opening pings of few hops that come when no ban holds', () => {
  let openedAt = 0;
  // Behind its router such a ping has one hop left.
  world.internet.taps.add(({ hops }) => {
    if (hops === 1) openedAt = world.clock.now;
  });
  const foundAt = talk();
  if (foundAt === undefined) throw new Error('no attempt has passed the firewall');
  expect(openedAt).toBeGreaterThan(0);
  expect(foundAt - openedAt).toBeLessThan(ATTEMPT_MS);
});

test('is passed at once the next time, as what worked comes first', () => {
  expect(talk()).toBeDefined();
  world.clock.run(FORGOTTEN_MS);
  expect(hard.isDirectTo(keyOf(banning))).toBe(false);
  const startedAt = world.clock.now;
  const foundAt = talk();
  if (foundAt === undefined) throw new Error('no attempt has passed the firewall again');
  expect(foundAt - startedAt).toBeLessThan(2 * ATTEMPT_MS);
});

test('is not passed in the same time where opening pings of few hops arrive like all others', () => {
  const send = hard.host.send.bind(hard.host);
  hard.host.send = (port, target, bytes) => send(port, target, bytes);
  expect(talk()).toBeUndefined();
  const { counters } = hard.engine?.status(world.clock.now) ?? {};
  expect(counters?.['port-search-not-reached']).toBeGreaterThan(5);
});
