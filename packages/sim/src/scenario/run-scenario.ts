/** Plays a scenario with every checker of the random worlds. */
import type { Crypto } from '@warren/core/ports';
import type { Break } from '../checkers/checker.js';
import { DIRECT_MS } from '../checkers/directness.js';
import { Watch } from '../checkers/watch.js';
import type { SimNode } from '../node/sim-node.js';
import { Chatter } from '../traffic/chatter.js';
import { SimWorld } from '../world/sim-world.js';
import type { Scenario, Stage } from './scenario.js';

const SEED = 1;
const JOIN_LIMIT_MS = 20_000;
/** Until the two have found their path. */
const SETTLE_MS = 10_000;
const SAY_EVERY_MS = 400;
/** Beyond the time that a path may take, so that it is seen to last. */
const END_MS = DIRECT_MS + 5_000;

export interface ScenarioOptions {
  readonly crypto: Crypto;
  readonly onLine?: (line: string) => void;
}

export interface ScenarioResult {
  readonly breaks: readonly Break[];
  readonly fingerprint: string;
}

export function runScenario(
  { topology, path, steps, sayEveryMs = SAY_EVERY_MS, settleMs = SETTLE_MS }: Scenario,
  { crypto, onLine }: ScenarioOptions,
): ScenarioResult {
  const world = new SimWorld({ topology, seed: SEED, crypto });
  world.trace.onLine = onLine;
  const watch = new Watch(world, () => path);
  const { breaks, wholeness } = watch;
  if (!world.join(JOIN_LIMIT_MS)) breaks.add('join', 'the two have not joined in time');
  const chatter = new Chatter(world, world.random.fork(), sayEveryMs);
  world.clock.run(settleMs);
  const stage: Stage = {
    world,
    left: world.node('left'),
    right: world.node('right'),
    run: (ms) => world.clock.run(ms),
    trouble: (severity, machines, ms = 0) => {
      wholeness.begin(machines, severity);
      world.clock.later(ms, () => wholeness.end(machines, severity));
    },
    hush: (hushed) => chatter.hush(hushed),
    expect: (holds, what) => {
      if (!holds) breaks.add('scenario', what);
    },
  };
  steps?.(stage);
  world.clock.run(END_MS);
  watch.finish();
  stage.expect(
    isDirect(stage.left, stage.right) === (path === 'direct'),
    `the path is not ${path}`,
  );
  return { breaks: breaks.list, fingerprint: world.trace.fingerprint };
}

function isDirect(left: SimNode, right: SimNode): boolean {
  return right.key !== undefined && left.isDirectTo(right.key);
}
