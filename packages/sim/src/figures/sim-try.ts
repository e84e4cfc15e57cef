/** One cold try of a pair behind hard NATs, in a world of models: from the first packet until the first attempt is over. */
import type { Crypto } from '@warren/core/ports';
import { keyOf } from '../demo/evidence.js';
import { tellNat } from '../matrix/explain-cell.js';
import type { SimNode } from '../node/sim-node.js';
import { Echo } from '../traffic/echo.js';
import { SimWorld } from '../world/sim-world.js';
import { attemptPings, failedAttempts, failureReasons } from './attempt-counters.js';
import { type HardPair, hardPairTopology, lanesOf } from './hard-pairs.js';
import { attemptLimitMs, type HardTry } from './hard-try.js';

const JOIN_LIMIT_MS = 30_000;
/** Both know their NATs, and have told them. */
const SETTLE_MS = 6_000;
const TELL_MS = 2_000;
const ASK_EVERY_MS = 20;
/** Counters are read from time to time: an attempt is over when one of them counts its failure. */
const LOOK_EVERY_MS = 200;

export function simTry(pair: HardPair, seed: number, crypto: Crypto): HardTry {
  const world = new SimWorld({ topology: hardPairTopology(pair, 1), seed, crypto });
  const [lane] = lanesOf(1);
  const ends = [world.node(lane?.left ?? ''), world.node(lane?.right ?? '')] as const;
  // Who speaks first makes no difference to the wires; both have to win.
  const [from, to] = seed % 2 === 0 ? ends : ([ends[1], ends[0]] as const);
  if (!world.join(JOIN_LIMIT_MS)) throw new Error('both machines join');
  world.clock.run(SETTLE_MS);
  for (const node of ends) tellNat(world, node);
  world.clock.run(TELL_MS);
  const directMs = talk(world, from, to);
  const counters = ends.map((node) => node.engine?.status(world.clock.now).counters ?? {});
  const [left = {}, right = {}] = counters;
  const failures = [...new Set(counters.flatMap(failureReasons))];
  return {
    directMs: failures.length === 0 ? directMs : null,
    directFromMs: null,
    failures,
    probes: { left: attemptPings(left), right: attemptPings(right) },
    conntrackEntries: null,
    cpuSeconds: null,
  };
}

/** Until data goes straight, or an attempt has failed. */
function talk(world: SimWorld, from: SimNode, to: SimNode): number | null {
  const { clock } = world;
  const echo = new Echo(world);
  const start = clock.now;
  const found: { directMs: number | null } = { directMs: null };
  const observer = {
    onDown: (node: SimNode): void => {
      if (node === from && from.isDirectTo(keyOf(to))) {
        found.directMs ??= Math.round(clock.now - start);
      }
    },
  };
  const hasFailed = (): boolean =>
    [from, to].some(({ engine }) => failedAttempts(engine?.status(clock.now).counters ?? {}) > 0);
  world.observers.push(observer);
  for (let ms = 0; ms < attemptLimitMs && found.directMs === null; ms += ASK_EVERY_MS) {
    if (ms % LOOK_EVERY_MS === 0 && hasFailed()) break;
    echo.ask(from, to);
    clock.run(ASK_EVERY_MS);
  }
  return found.directMs;
}
