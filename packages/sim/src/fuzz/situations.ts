/** What stands between each machine and the internet at present, for the theory of what is possible. */
import { familyOf, type IpFamily } from '@warren/core/ip/address';
import { type NatVariation, natBehaviours, natVariations } from '../nat/profiles.js';
import type { SimNode } from '../node/sim-node.js';
import type { Attachment, Topology } from '../topology/types.js';
import type { SimWorld } from '../world/sim-world.js';
import { inSeries, type Situation } from './possibility.js';

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
      const has = (family: IpFamily): boolean =>
        at?.addresses.some((address) => familyOf(address) === family) === true;
      return { network: node.name, nat, odd: false, ipv4: has(4), ipv6: has(6) };
    }
    const network = this.#topology.networks.find(({ name }) => name === at.network);
    const variation = this.#variations.get(at.network) ?? 'plain';
    const home = { ...natBehaviours[network?.nat ?? 'easy'], ...natVariations[variation] };
    const carrier = network?.carrier;
    // Hosts of one LAN contend for ports.
    const neighbours = this.#world.nodes.filter((other) => {
      const place = this.#at.get(other);
      return place?.kind === 'lan' && place.network === at.network;
    });
    return {
      network: at.network,
      nat: carrier === undefined ? home : inSeries(home, natBehaviours[carrier.nat]),
      odd: variation !== 'plain' || neighbours.length > 1,
      ipv4: network?.nat64 !== true,
      ipv6: at.ipv6 !== undefined,
    };
  }
}
