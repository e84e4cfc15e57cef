/**
 * Hands the network map's packet filter to the PacketEngine, when it differs from what is in force there:
 * compiling rules takes the packets' time.
 */
import type { Counters } from '../base/counters.js';
import { sameJson } from '../base/json.js';
import type { FilterRule } from '../engines/filter-rule.js';
import type { Prefix } from '../ip/prefix.js';
import type { Netmap } from '../netmap/types.js';
import type { EngineOutputs } from './outputs.js';

export class FilterFeed {
  readonly #outputs: EngineOutputs;
  readonly #counters: Counters;
  #rules: readonly FilterRule[] | undefined;
  #localAddresses: readonly Prefix[] = [];

  constructor(outputs: EngineOutputs, counters: Counters) {
    this.#outputs = outputs;
    this.#counters = counters;
  }

  /** Comes before the peers of the same map: nothing of theirs is to be judged by rules of the past. */
  apply({ packetFilter, self, ownRoutes = [] }: Netmap): void {
    const local = ownRoutes.length === 0 ? self.addresses : [...self.addresses, ...ownRoutes];
    const isSame = sameJson(this.#rules, packetFilter) && sameJson(this.#localAddresses, local);
    // Also when they are alike: the same array is found out faster the next time.
    this.#rules = packetFilter;
    this.#localAddresses = local;
    if (!isSame) this.#tell(packetFilter, local);
  }

  /** The node goes down: nobody gets in any more, and no address is ours. */
  stop(): void {
    if (this.#rules !== undefined) this.#tell([], []);
    this.#rules = undefined;
  }

  #tell(rules: readonly FilterRule[], localAddresses: readonly Prefix[]): void {
    this.#counters.add('packet-rules-set');
    this.#outputs.down({ type: 'set-filter', rules, localAddresses });
  }
}
