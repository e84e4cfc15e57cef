/** Machines answer what they are asked, as a host answers pings, and remember what came back. */
import type { SimNode } from '../node/sim-node.js';
import type { Message } from '../traffic/message.js';
import type { Observer } from '../world/observer.js';
import type { SimWorld } from '../world/sim-world.js';

export class Echo implements Observer {
  readonly #world: SimWorld;
  readonly #askedAt = new Map<number, number>();
  readonly #rtts: number[] = [];

  constructor(world: SimWorld) {
    this.#world = world;
    world.observers.push(this);
  }

  /** Round trips since the last call, oldest first. */
  takeRtts(): number[] {
    return this.#rtts.splice(0);
  }

  ask(from: SimNode, to: SimNode): void {
    const number = this.#world.say(from, to, 'asked');
    if (number !== undefined) this.#askedAt.set(number, this.#world.clock.now);
  }

  onMessage(node: SimNode, message: Message | undefined): void {
    if (message === undefined) return;
    if (message.kind === 'asked') {
      const asker = this.#world.nodes[message.from];
      if (asker !== undefined) {
        this.#world.say(node, asker, 'answered', undefined, message.number);
      }
    } else if (message.kind === 'answered') {
      const askedAt = this.#askedAt.get(message.number);
      this.#askedAt.delete(message.number);
      if (askedAt !== undefined) this.#rtts.push(this.#world.clock.now - askedAt);
    }
  }
}
