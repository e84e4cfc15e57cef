/**
 * Tells when a node key expires by itself. Map streams notice on their own; relays, which admit members only, look
 * at nobody's clock and have to be told to check their clients again.
 */
import { type ControlState, isExpired } from '@warren/core/control/server/state';
import type { Clock } from '@warren/shell/clock';

/** The wall clock may be set; looking again after this time keeps what that costs small. */
const LONGEST_WAIT_MS = 10 * 60_000;

export class ExpiryAlarm {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #onExpiry: () => void;
  #state: ControlState | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Pick<Clock, 'wall'>, onExpiry: () => void) {
    this.#clock = clock;
    this.#onExpiry = onExpiry;
  }

  /** Looks at this state from now on. */
  watch(state: ControlState): void {
    this.#state = state;
    clearTimeout(this.#timer);
    const wall = this.#clock.wall();
    let next = Number.POSITIVE_INFINITY;
    for (const node of state.nodes.values()) {
      if (node.keyExpiry !== undefined && !isExpired(node, wall)) {
        next = Math.min(next, node.keyExpiry);
      }
    }
    if (!Number.isFinite(next)) return;
    const waitMs = Math.min(Math.max(1, next - wall), LONGEST_WAIT_MS);
    this.#timer = setTimeout(() => this.#look(next), waitMs);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #look(next: number): void {
    if (this.#clock.wall() >= next) this.#onExpiry();
    if (this.#state !== undefined) this.watch(this.#state);
  }
}
