/**
 * Whose word counts when a node has two connections: the later one's.
 *
 * A process that ended while its network was down leaves updates in its system's send queue; they arrive when
 * the network is back, after those of the next process, and name a disco key that nobody has any more.
 */
import { type NodeId, nodesMax } from './state.js';

/** Counts up with every connection that a server accepts. */
export type ConnectionNumber = number;

export class NewestConnections {
  /** The latest connection that sent a map request for a node. */
  readonly #latest = new Map<NodeId, ConnectionNumber>();

  get size(): number {
    return this.#latest.size;
  }

  /** A map request came in; false: a later connection of the node has spoken already. */
  speaks(node: NodeId, connection: ConnectionNumber): boolean {
    const latest = this.#latest.get(node);
    if (latest !== undefined && connection < latest) return false;
    if (latest === undefined && this.#latest.size >= nodesMax) this.#forgetOldest();
    this.#latest.set(node, connection);
    return true;
  }

  /** Nodes come and go; one that has spoken long ago has the best chance to be gone. */
  #forgetOldest(): void {
    const [oldest] = this.#latest.keys();
    if (oldest !== undefined) this.#latest.delete(oldest);
  }
}
