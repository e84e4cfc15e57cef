/** Chooses the outer port of a new mapping. */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { PortAllocation } from './behaviour.js';

/** Random tries before the range is searched from one end to the other. */
const TRIES = 16;
/** Linux' choice where no range is configured; never below 1024 for a port that isn't. */
export const ANY_PORT = { kind: 'random', low: 1024, high: 65_535 } as const;
/** What Linux makes of privileged ports: others of their kind. */
const PRIVILEGED = { low: 1, high: 511 } as const;
const UPPER_PRIVILEGED = { low: 600, high: 1023 } as const;

interface Range {
  readonly low: number;
  readonly high: number;
}

/** A privileged port stays one unless a range is configured. */
function rangeOf(range: Range, innerPort: number): Range {
  const isConfigured = range.low !== ANY_PORT.low || range.high !== ANY_PORT.high;
  if (isConfigured || innerPort >= ANY_PORT.low) return range;
  return innerPort <= PRIVILEGED.high ? PRIVILEGED : UPPER_PRIVILEGED;
}

export class PortAllocator {
  readonly #allocation: PortAllocation;
  readonly #random: SeededRandom;
  #next: number;

  constructor(allocation: PortAllocation, random: SeededRandom) {
    this.#allocation = allocation;
    this.#random = random;
    this.#next = allocation.kind === 'sequential' ? allocation.low : 0;
  }

  /** A port for a mapping from `innerPort`; undefined when none is free. */
  choose(innerPort: number, isFree: (port: number) => boolean): number | undefined {
    const allocation = this.#allocation;
    switch (allocation.kind) {
      case 'preserving':
        return isFree(innerPort) ? innerPort : this.#anyOf(rangeOf(ANY_PORT, innerPort), isFree);
      case 'random':
        return allocation.parity === true
          ? this.#anyOf(allocation, (port) => (port - innerPort) % 2 === 0 && isFree(port))
          : this.#anyOf(rangeOf(allocation, innerPort), isFree);
      case 'sequential':
        return this.#sequential(allocation, isFree);
    }
  }

  #anyOf({ low, high }: Range, isFree: (port: number) => boolean): number | undefined {
    for (let i = 0; i < TRIES; i++) {
      const port = low + this.#random.below(high - low + 1);
      if (isFree(port)) return port;
    }
    for (let port = low; port <= high; port++) if (isFree(port)) return port;
    return undefined;
  }

  #sequential({ low, high }: Range, isFree: (port: number) => boolean): number | undefined {
    for (let i = low; i <= high; i++) {
      const port = this.#next;
      this.#next = port >= high ? low : port + 1;
      if (isFree(port)) return port;
    }
    return undefined;
  }
}
