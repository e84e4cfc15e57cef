/**
 * Where theory says that two machines can talk directly, they do, once the world has been whole for a while;
 * where it says that they can't, they don't claim to.
 */
import type { SimNode } from '../node/sim-node.js';
import type { SimWorld } from '../world/sim-world.js';
import type { Breaks, Checker } from './checker.js';
import type { Wholeness } from './wholeness.js';

const NAME = 'directness';

/** A pair that talks is direct this long after the last trouble of any kind. */
export const DIRECT_MS = 30_000;

/** What theory says about two machines as they are plugged in now. */
export type Possibility = 'direct' | 'relay' | 'unknown';

export class DirectnessChecker implements Checker {
  readonly #world: SimWorld;
  readonly #breaks: Breaks;
  readonly #wholeness: Wholeness<SimNode>;
  readonly #possibility: (a: SimNode, b: SimNode) => Possibility;

  constructor(
    world: SimWorld,
    breaks: Breaks,
    wholeness: Wholeness<SimNode>,
    possibility: (a: SimNode, b: SimNode) => Possibility,
  ) {
    this.#world = world;
    this.#breaks = breaks;
    this.#wholeness = wholeness;
    this.#possibility = possibility;
  }

  finish(): void {
    for (const a of this.#world.nodes) {
      for (const b of this.#world.nodes) if (a !== b) this.#check(a, b);
    }
  }

  #check(a: SimNode, b: SimNode): void {
    const whole = this.#wholeness.of(a, b);
    if (whole === undefined || whole.isLossy || b.key === undefined) return;
    if (Math.min(whole.hardMs, whole.softMs) < DIRECT_MS) return;
    const possible = this.#possibility(a, b);
    const direct = a.isDirectTo(b.key);
    if (possible === 'direct' && !direct) {
      this.#breaks.add(NAME, `${a.name} could reach ${b.name} directly and does not`);
    } else if (possible === 'relay' && direct) {
      this.#breaks.add(NAME, `${a.name} claims a direct path to ${b.name}, which can't be`);
    }
  }
}
