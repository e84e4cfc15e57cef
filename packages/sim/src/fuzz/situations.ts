/** What stands between each machine and the internet at present, for the theory of what is possible. */
import { type NatVariation, natBehaviours, natVariations } from '../nat/profiles.js';
import type { SimNode } from '../node/sim-node.js';
import type { Attachment, Topology } from '../topology/types.js';
import type { SimWorld } from '../world/sim-world.js';
import type { Situation } from './possibility.js';

export class Situations {
  readonly #world: SimWorld;
  readonly #topology: Topology;
  readonly #variations: ReadonlyMap<string, NatVariation>;
  readonly #at = new Map<SimNode, Attachment>();

  constructor(world: SimWorld, topology: Topology, variations: ReadonlyMap<string, NatVariation>) {
    this.#world = world;
    this.#topology = topology;
    this.#variations = variations;
    for (const [index, { at }] of topology.machines.entries()) {
      const node = world.nodes[index];
      if (node !== undefined) this.#at.set(node, at);
    }
  }

  moved(node: SimNode, at: Attachment): void {
    this.#at.set(node, at);
  }

  of(node: SimNode): Situation {
    const at = this.#at.get(node);
    if (at?.kind !== 'lan') {
      const nat = at?.firewalled === true ? natBehaviours['one-to-one-firewalled'] : undefined;
      return { network: node.name, nat, odd: false };
    }
    const network = this.#topology.networks.find(({ name }) => name === at.network);
    const variation = this.#variations.get(at.network) ?? 'plain';
    const nat = { ...natBehaviours[network?.nat ?? 'easy'], ...natVariations[variation] };
    // Hosts of one LAN contend for ports.
    const neighbours = this.#world.nodes.filter((other) => {
      const place = this.#at.get(other);
      return place?.kind === 'lan' && place.network === at.network;
    });
    const odd = variation !== 'plain' || neighbours.length > 1;
    return { network: at.network, nat, odd };
  }
}
