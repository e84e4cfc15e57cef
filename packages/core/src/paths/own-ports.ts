/** What is known of our own ports: what the NAT's description says, what was seen lately, and what is remembered. */
import type { NodeKey } from '../keys/keys.js';
import type { KnownPlan } from './attempt-io.js';
import type { HardMemory } from './hard-memory.js';
import { knownPlan, type OwnMapping } from './own-mapping.js';
import { PongPorts } from './pong-ports.js';

/** As many as tell a small range from a large one. */
const portsRemembered = 16;

export class OwnPorts {
  /** What peers said of them. */
  readonly pongs = new PongPorts();
  readonly #mapping: (peer: NodeKey, failures: number) => OwnMapping;
  readonly #memory: Pick<HardMemory, 'rangeEnds'>;
  /** Of our mappings, as servers saw them, the newest last. */
  #seen: readonly number[] = [];

  constructor(
    mapping: (peer: NodeKey, failures: number) => OwnMapping,
    memory: Pick<HardMemory, 'rangeEnds'>,
  ) {
    this.#mapping = mapping;
    this.#memory = memory;
  }

  get seen(): readonly number[] {
    return [...this.#seen, ...this.pongs.beside(this.#seen)];
  }

  note(ports: readonly number[]): void {
    this.#seen = [...new Set([...this.#seen, ...ports])].slice(-portsRemembered);
  }

  /** Another network gives others. */
  forget(): void {
    this.#seen = [];
    this.pongs.clear();
  }

  mapping(peer: NodeKey, failures: number): OwnMapping {
    const mapping = this.#mapping(peer, failures);
    const isMeasured = mapping.ports !== 'random' || mapping.rangeEnds.length > 0;
    return isMeasured ? mapping : { ...mapping, rangeEnds: this.#memory.rangeEnds };
  }

  /** Our plan, as far as nothing has to be measured for it. */
  known(peer: NodeKey, failures: number): KnownPlan | undefined {
    return knownPlan(this.mapping(peer, failures), this.seen);
  }
}
