/** A random sequence of faults for one world, and the account of what is whole when. */
import { HARD_RECOVERY_MS } from '../checkers/liveness.js';
import type { Wholeness } from '../checkers/wholeness.js';
import type { SimNode } from '../node/sim-node.js';
import type { Chatter } from '../traffic/chatter.js';
import { between, weighted } from './choose.js';
import { type FaultContext, type FaultKind, faultKinds, type RunningFault } from './faults.js';

const FAULTS_MAX = 6;
/** Calm before the first fault. */
const CALM_MS = 4_000;
/** When faults begin. */
const WINDOW_MS = 25_000;
/** Longer than a session lasts after its last packet: everything goes to sleep. */
const HUSH_MS = 55_000;
const HUSH_SHARE = 0.1;

const kinds: readonly (readonly [FaultKind, number])[] = faultKinds.map((kind) => [
  kind,
  kind.weight,
]);

export class FaultPlan {
  /** Faults that took place, in their order. */
  readonly names: string[] = [];
  readonly #wholeness: Wholeness<SimNode>;
  readonly #context: FaultContext;
  #controlOutages = 0;
  #hardAt = Number.NEGATIVE_INFINITY;
  /** Faults that ended while control was away: their machines can't tell their peers yet. */
  readonly #untold: Pick<RunningFault, 'machines' | 'severity'>[] = [];

  constructor(wholeness: Wholeness<SimNode>, context: FaultContext) {
    this.#wholeness = wholeness;
    this.#context = context;
  }

  /** Plans everything; the time until the last fault has ended. */
  run(chatter: Chatter): number {
    const { world, random } = this.#context;
    const { clock } = world;
    let endMs = CALM_MS;
    const count = random.below(FAULTS_MAX + 1);
    for (let i = 0; i < count; i++) {
      const kind = weighted(random, kinds);
      const atMs = CALM_MS + random.fraction() * WINDOW_MS;
      const durationMs = kind.durationMs(random);
      endMs = Math.max(endMs, atMs + durationMs);
      clock.later(atMs, () => this.#begin(kind, durationMs));
    }
    if (random.fraction() < HUSH_SHARE) {
      const atMs = CALM_MS + random.fraction() * between(random, 1000, WINDOW_MS);
      clock.later(atMs, () => chatter.hush(true));
      clock.later(atMs + HUSH_MS, () => {
        chatter.hush(false);
        this.#wake(HUSH_MS);
      });
      endMs = Math.max(endMs, atMs + HUSH_MS);
      this.names.push('hush');
    }
    return endMs;
  }

  #begin(kind: FaultKind, durationMs: number): void {
    const { world } = this.#context;
    const fault = kind.begin(this.#context);
    if (fault === undefined) return;
    this.names.push(kind.name);
    const names = fault.machines.map(({ name }) => name);
    world.trace.note('fault', kind.name, ...names);
    this.#wholeness.begin(fault.machines, fault.severity);
    if (fault.stopsControl === true) this.#controlStopped();
    if (fault.severity === 'hard') this.#hardAt = world.clock.now;
    const end = (): void => {
      fault.end();
      if (fault.severity === 'hard') this.#hardAt = world.clock.now;
      world.trace.note('fault-over', kind.name, ...names);
      if (fault.stopsControl === true) this.#controlBack();
      if (this.#controlOutages > 0) this.#untold.push(fault);
      else this.#wholeness.end(fault.machines, fault.severity);
    };
    if (durationMs === 0) end();
    else world.clock.later(durationMs, end);
  }

  /** Who slept through a hard fault finds out with the first packet that nobody answers. */
  #wake(sleptMs: number): void {
    const { clock, nodes } = this.#context.world;
    if (clock.now - this.#hardAt > sleptMs + HARD_RECOVERY_MS) return;
    this.#wholeness.begin(nodes, 'hard');
    this.#wholeness.end(nodes, 'hard');
  }

  /** Who is just coming up waits for control to come back. */
  #controlStopped(): void {
    this.#controlOutages++;
    const machines = this.#context.world.nodes.filter(({ state }) => state !== 'Running');
    if (machines.length === 0) return;
    this.#wholeness.begin(machines, 'hard');
    this.#untold.push({ machines, severity: 'hard' });
  }

  #controlBack(): void {
    this.#controlOutages--;
    if (this.#controlOutages > 0) return;
    for (const { machines, severity } of this.#untold.splice(0)) {
      this.#wholeness.end(machines, severity);
    }
  }
}
