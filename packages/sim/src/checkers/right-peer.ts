/**
 * No packet to a wrong peer: what comes out of a machine's TUN was said by the peer that owns its source
 * address, to this machine, and comes out once.
 */
import { addressFromBytes } from '@warren/core/ip/address';
import type { SimNode } from '../node/sim-node.js';
import type { Message } from '../traffic/message.js';
import type { SimWorld } from '../world/sim-world.js';
import type { Breaks, Checker } from './checker.js';

const NAME = 'right-peer';
const SOURCE_AT = 12;

export class RightPeerChecker implements Checker {
  readonly #world: SimWorld;
  readonly #breaks: Breaks;
  /** Said and not heard yet. */
  readonly #underWay = new Set<string>();

  constructor(world: SimWorld, breaks: Breaks) {
    this.#world = world;
    this.#breaks = breaks;
  }

  onSaid(message: Message): void {
    this.#underWay.add(keyOf(message));
  }

  onMessage(node: SimNode, message: Message | undefined, packet: Uint8Array): void {
    if (message === undefined) {
      this.#breaks.add(NAME, `${node.name} got a packet that nobody sent`);
      return;
    }
    const { from, to, number } = message;
    const sender = this.#world.nodes[from];
    if (this.#world.nodes[to] !== node) {
      this.#breaks.add(NAME, `${node.name} got message ${number}, which is for machine ${to}`);
    }
    const source = addressFromBytes(packet.subarray(SOURCE_AT, SOURCE_AT + 4));
    if (sender?.overlay !== undefined && sender.overlay !== source) {
      this.#breaks.add(NAME, `${node.name} got message ${number} from ${source}, not its sender's`);
    }
    if (!this.#underWay.delete(keyOf(message))) {
      this.#breaks.add(NAME, `${node.name} got message ${number} twice, or nobody said it`);
    }
  }
}

function keyOf({ kind, from, to, number }: Message): string {
  return `${kind} ${from} ${to} ${number}`;
}
