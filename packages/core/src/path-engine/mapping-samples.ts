/**
 * How peers see our sockets, told in their pongs. One sample per peer and address asked, the latest wins.
 *
 * A peer can lie about it, so samples describe our NAT and are never advertised as endpoints.
 */
import type { Instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { ObservedMapping } from './io.js';

/** Samples kept: several for each of the peers that an ordinary node talks to. */
export const maxMappingSamples = 64;

export class MappingSamples {
  /** Oldest first. */
  readonly #samples = new Map<string, ObservedMapping>();

  add(peer: NodeKey, remote: Endpoint, observed: Endpoint, at: Instant): void {
    const key = `${peer} ${remote}`;
    this.#samples.delete(key);
    this.#samples.set(key, { peer, remote, observed, at });
    if (this.#samples.size <= maxMappingSamples) return;
    for (const oldest of this.#samples.keys()) {
      this.#samples.delete(oldest);
      break;
    }
  }

  /** After a change of network the old mappings are gone. */
  clear(): void {
    this.#samples.clear();
  }

  list(): readonly ObservedMapping[] {
    return [...this.#samples.values()];
  }
}
