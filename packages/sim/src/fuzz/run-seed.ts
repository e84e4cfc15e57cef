/**
 * One seed, one life of a world: machines join, talk, suffer faults and heal, while the checkers watch.
 *
 *     join --30 s at most--> calm --faults, some at once--> whole again --recovery--> checked --> end
 *
 * Everything about it follows from the seed, its size included.
 */
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { Crypto } from '@warren/core/ports';
import type { Break } from '../checkers/checker.js';
import { DIRECT_MS } from '../checkers/directness.js';
import { HARD_RECOVERY_MS, type Recovery } from '../checkers/liveness.js';
import { Watch } from '../checkers/watch.js';
import { ip } from '../topology/literals.js';
import { Chatter } from '../traffic/chatter.js';
import { SimWorld } from '../world/sim-world.js';
import { chance, pick, weighted } from './choose.js';
import { FaultPlan } from './fault-plan.js';
import { possibilityOf } from './possibility.js';
import { randomWorld } from './random-topology.js';
import { Situations } from './situations.js';
import { Stranger } from './stranger.js';

const STRANGER = ip('66.66.66.66');
const JOIN_LIMIT_MS = 30_000;
/** Beyond the recovery, so that it is seen to last. */
const CHECKED_MS = 6_000;

export interface SeedOptions {
  readonly seed: number;
  readonly crypto: Crypto;
  readonly onLine?: (line: string) => void;
}

export interface SeedResult {
  readonly seed: number;
  readonly breaks: readonly Break[];
  /** Equal for equal histories. */
  readonly fingerprint: string;
  readonly machines: number;
  readonly faults: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly messages: number;
  readonly worst: Recovery;
}

export function runSeed({ seed, crypto, onLine }: SeedOptions): SeedResult {
  const random = new SeededRandom(seed);
  const { topology, variations, spares } = randomWorld(random);
  const threadMs = weighted(random, [
    [0.05, 6],
    [2, 2],
    [30, 1],
  ]);
  const world = new SimWorld({ topology, seed: random.uint32(), crypto, variations, threadMs });
  world.trace.onLine = onLine;
  const situations = new Situations(world, topology, variations);
  const watch = new Watch(world, (a, b) => possibilityOf(situations.of(a), situations.of(b)));
  const { breaks, wholeness, liveness } = watch;
  const plan = new FaultPlan(wholeness, {
    world,
    random: random.fork(),
    spares,
    pulled: new Map(),
    onMoved: (node, at) => situations.moved(node, at),
  });
  if (!world.join(JOIN_LIMIT_MS)) breaks.add('join', 'not everybody has joined in time');
  // From here on everybody counts as whole since now.
  wholeness.begin(world.nodes, 'hard');
  wholeness.end(world.nodes, 'hard');
  const chatter = new Chatter(world, random.fork(), pick(random, [300, 500, 900]));
  const stranger = chance(random, 0.5)
    ? new Stranger(
        world,
        crypto,
        random.fork(),
        world.publicPlug('stranger', { region: 'east', addresses: [STRANGER] }, false),
      )
    : undefined;
  world.clock.run(plan.run(chatter));
  const isCheckedForDirectness = chance(random, 0.5);
  world.clock.run((isCheckedForDirectness ? DIRECT_MS : HARD_RECOVERY_MS) + CHECKED_MS);
  stranger?.stop();
  watch.finish();
  chatter.stop();
  return {
    seed,
    breaks: breaks.list,
    fingerprint: world.trace.fingerprint,
    machines: world.nodes.length,
    faults: plan.names,
    virtualMs: world.clock.now,
    events: world.clock.events,
    messages: liveness.heard,
    worst: liveness.worst,
  };
}
