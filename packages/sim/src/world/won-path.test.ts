/**
 * A path that was won by guesses lives on mappings that routers forget after seconds of silence: what becomes of it
 * with traffic, without any, and when a router forgets all the same.
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

/** Of idle flows. Half a minute is what cheap routers and carriers have, this is less. */
const lifetimeMs = 20_000;
const lifetime = { freshMs: lifetimeMs, repliedMs: lifetimeMs };

/** A dead path is noticed by lost pings, plans take two round trips, and a first attempt may come too early. */
const wonAgainMs = 30_000;

let world: SimWorld;
let hard: SimNode;
let easy: SimNode;
let echo: Echo;
/** Of paths, at either end, since the first was won. */
let changes: string[];

const areDirect = (): boolean => hard.isDirectTo(keyOf(easy)) && easy.isDirectTo(keyOf(hard));

/** `hard` asks every so many ms, until a state is reached; how long that took, and how many answers came. */
function talk(
  forMs: number,
  everyMs: number,
  isDone = (): boolean => false,
): { tookMs: number; asked: number; answered: number } {
  let [asked, answered] = [0, 0];
  const observer = {
    onMessage: (node: SimNode): void => {
      if (node === hard) answered++;
    },
  };
  world.observers.push(observer);
  const startedAt = world.clock.now;
  while (world.clock.now - startedAt < forMs && !isDone()) {
    echo.ask(hard, easy);
    asked++;
    world.clock.run(everyMs);
  }
  const tookMs = world.clock.now - startedAt;
  world.clock.run(1000);
  world.observers.splice(world.observers.indexOf(observer), 1);
  return { tookMs, asked, answered };
}

beforeEach(() => {
  const [left, right] = [profileNamed('hard'), profileNamed('easy')];
  if (left === undefined || right === undefined) throw new Error('both are profiles');
  const topology = cellTopology({ left, right });
  const variations = new Map(topology.networks.map(({ name }) => [name, { lifetime }]));
  world = new SimWorld({ topology, seed: 3, crypto: createNodeCrypto(), variations });
  echo = new Echo(world);
  [hard, easy] = [world.node('left'), world.node('right')];
  changes = [];
  expect(world.join(30_000)).toBe(true);
  world.clock.run(10_000);
  talk(30_000, 500, areDirect);
  expect(areDirect()).toBe(true);
  expect(hard.engine?.status(world.clock.now).counters).toMatchObject({ 'port-search-found': 1 });
  world.observers.push({
    onPathChanged: ({ name }, { to, cause }) => changes.push(`${name} ${to?.kind} ${cause}`),
  });
});

test.each([
  ['five times a second', 200],
  ['every thirty seconds, longer than its NAT remembers', 30_000],
])('a path that is used %s stays', (_often, everyMs) => {
  const { asked, answered } = talk(600_000, everyMs);
  expect(answered).toBe(asked);
  expect(changes).toEqual([]);
  expect(areDirect()).toBe(true);
});

test('after ten idle minutes nothing is lost, and traffic wins a path again within seconds', () => {
  world.clock.run(600_000);
  const { tookMs, asked, answered } = talk(60_000, 500, areDirect);
  expect(answered).toBe(asked);
  expect(tookMs).toBeLessThan(wonAgainMs);
});

test.each([
  ["the hard NAT's", 'left-lan'],
  ["the easy NAT's", 'right-lan'],
])(
  'when %s router forgets it under traffic, it is won again within half a minute',
  (_whose, network) => {
    talk(20_000, 200);
    world.router(network).reboot();
    talk(wonAgainMs, 200);
    const { asked, answered } = talk(10_000, 200);
    expect(answered).toBe(asked);
    expect(areDirect()).toBe(true);
  },
);
