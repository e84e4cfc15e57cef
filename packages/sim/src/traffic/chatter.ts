/** Every machine says something to every other, at its own pace; pairs can be hushed for a while. */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { SimNode } from '../node/sim-node.js';
import type { SimWorld } from '../world/sim-world.js';

export class Chatter {
  readonly #world: SimWorld;
  #active = true;
  #hushed = false;

  /** Pairs speak every `everyMs`, each at another moment. */
  constructor(world: SimWorld, random: SeededRandom, everyMs: number) {
    this.#world = world;
    for (const from of world.nodes) {
      for (const to of world.nodes) {
        if (from === to) continue;
        world.clock.later(random.fraction() * everyMs, () => this.#speak(from, to, everyMs));
      }
    }
  }

  /** Nobody says anything until told otherwise. */
  hush(hushed: boolean): void {
    this.#hushed = hushed;
  }

  stop(): void {
    this.#active = false;
  }

  #speak(from: SimNode, to: SimNode, everyMs: number): void {
    if (!this.#active) return;
    if (!this.#hushed) this.#world.say(from, to);
    this.#world.clock.later(everyMs, () => this.#speak(from, to, everyMs));
  }
}
