/**
 * How peers see our sockets, told in their pongs. One sample per peer and address asked, the latest wins.
 *
 * A peer can lie about it, so samples describe our NAT and are never advertised as endpoints.
 */
import type { Instant } from '../base/instant.js';
import { RecentMap } from '../base/recent-map.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { ObservedMapping } from './io.js';

/** Samples kept: several for each of the peers that an ordinary node talks to. */
export const maxMappingSamples = 64;

export class MappingSamples {
  readonly #samples = new RecentMap<string, ObservedMapping>(maxMappingSamples);

  add(peer: NodeKey, remote: Endpoint, observed: Endpoint, at: Instant): void {
    this.#samples.set(`${peer} ${remote}`, { peer, remote, observed, at });
  }

  /** After a change of network the old mappings are gone. */
  clear(): void {
    this.#samples.clear();
  }

  list(): readonly ObservedMapping[] {
    return [...this.#samples.values()];
  }
}
