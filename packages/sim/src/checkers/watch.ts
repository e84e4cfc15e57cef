/** All checkers of a world, looking once a second. */
import type { SimNode } from '../node/sim-node.js';
import type { SimWorld } from '../world/sim-world.js';
import { BoundedChecker } from './bounded.js';
import { Breaks, type Checker } from './checker.js';
import { DirectnessChecker, type Possibility } from './directness.js';
import { LivenessChecker } from './liveness.js';
import { ProvenPathChecker } from './proven-path.js';
import { RightPeerChecker } from './right-peer.js';
import { Wholeness } from './wholeness.js';

const LOOK_MS = 1_000;

export class Watch {
  readonly breaks: Breaks;
  readonly wholeness: Wholeness<SimNode>;
  readonly liveness: LivenessChecker;
  readonly #checkers: readonly Checker[];

  /** Begins with the world; `possibility` is what theory says of two machines as they are now. */
  constructor(world: SimWorld, possibility: (a: SimNode, b: SimNode) => Possibility) {
    this.breaks = new Breaks(world.clock);
    this.wholeness = new Wholeness(world.clock);
    const { breaks, wholeness } = this;
    this.liveness = new LivenessChecker(world, breaks, wholeness);
    this.#checkers = [
      this.liveness,
      new RightPeerChecker(world, breaks),
      new ProvenPathChecker(world, breaks),
      new BoundedChecker(world, breaks),
      new DirectnessChecker(world, breaks, wholeness, possibility),
    ];
    world.observers.push(...this.#checkers);
    const look = (): void => {
      for (const checker of this.#checkers) checker.look?.();
      world.clock.later(LOOK_MS, look);
    };
    look();
  }

  /** The world ends. */
  finish(): void {
    for (const checker of this.#checkers) {
      checker.look?.();
      checker.finish?.();
    }
  }
}
