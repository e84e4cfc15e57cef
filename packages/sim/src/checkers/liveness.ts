/**
 * Connectivity is never lost while any path exists: in a part of the world that has been whole for the stated
 * time every message arrives; on lines that lose packets, never many in a row are missing, nor for long.
 */
import type { SimNode } from '../node/sim-node.js';
import type { Message } from '../traffic/message.js';
import type { SimWorld } from '../world/sim-world.js';
import type { Breaks, Checker } from './checker.js';
import type { Wholeness } from './wholeness.js';

const NAME = 'liveness';

/** Data flows again this long after a line, a relay or a process came back. */
export const HARD_RECOVERY_MS = 15_000;
/** Data flows again this long after a direct path broke while the relay stood. */
export const SOFT_RECOVERY_MS = 5_000;
/** On lossy lines dials, handshakes and pings are lost too. */
const LOSSY_FACTOR = 1.5;
/** A message that took longer is lost: several times the longest way through a relay. */
const DELIVERY_MS = 2_000;
/** Lines of the fuzz lose a tenth at most: this many in a row happens once in 10^7 messages. */
const LOST_IN_A_ROW_MAX = 10;
/**
 * What a relay carries comes in one stream: behind a segment that TCP has to repeat (after 0.5, 1, 2, 4 s ...)
 * everything waits together, and nobody can tell that from a dead connection but by the time it takes. So it may
 * take as long.
 */
const STALLED_MAX_MS = HARD_RECOVERY_MS * LOSSY_FACTOR;

interface Pending {
  readonly message: Message;
  readonly saidAt: number;
  /** It went over the direct path alone, where each packet is lost or not by itself. */
  readonly isDirect: boolean;
}

/** Messages of one pair that were lost without one that came between. */
interface Run {
  count: number;
  readonly sinceMs: number;
  /** A line lost packets meanwhile: what waits for their repetition still waits when it loses no more. */
  isLossy: boolean;
}

/** How long after a disturbance messages were still lost. */
export interface Recovery {
  hardMs: number;
  softMs: number;
}

export class LivenessChecker implements Checker {
  /** The worst so far, within the limits or not. */
  readonly worst: Recovery = { hardMs: 0, softMs: 0 };
  readonly #world: SimWorld;
  readonly #breaks: Breaks;
  readonly #wholeness: Wholeness<SimNode>;
  readonly #pending = new Map<string, Pending>();
  readonly #lostInARow = new Map<string, Run>();
  #heard = 0;

  constructor(world: SimWorld, breaks: Breaks, wholeness: Wholeness<SimNode>) {
    this.#world = world;
    this.#breaks = breaks;
    this.#wholeness = wholeness;
  }

  /** Messages that arrived. */
  get heard(): number {
    return this.#heard;
  }

  onSaid(message: Message): void {
    const { nodes, clock } = this.#world;
    const target = nodes[message.to]?.key;
    const isDirect = target !== undefined && nodes[message.from]?.isDirectTo(target) === true;
    const pending = { message, saidAt: clock.now, isDirect };
    this.#pending.set(keyOf(message), pending);
  }

  onMessage(_node: SimNode, message: Message | undefined): void {
    if (message === undefined || !this.#pending.delete(keyOf(message))) return;
    this.#heard++;
    this.#lostInARow.delete(pairOf(message));
  }

  look(): void {
    const { now } = this.#world.clock;
    for (const [key, pending] of this.#pending) {
      if (now - pending.saidAt < DELIVERY_MS) break;
      this.#pending.delete(key);
      this.#lost(pending);
    }
  }

  #lost({ message, saidAt, isDirect }: Pending): void {
    const { nodes, clock } = this.#world;
    const [from, to] = [nodes[message.from], nodes[message.to]];
    if (from === undefined || to === undefined) return;
    const whole = this.#wholeness.of(from, to);
    if (whole === undefined) return;
    // As it was when it was said, and no new trouble since.
    const ago = clock.now - saidAt;
    const [hardMs, softMs] = [whole.hardMs - ago, whole.softMs - ago];
    if (hardMs < 0 || softMs < 0) return;
    const factor = whole.isLossy ? LOSSY_FACTOR : 1;
    const pair = pairOf(message);
    const run = this.#lostInARow.get(pair) ?? { count: 0, sinceMs: saidAt, isLossy: false };
    this.#lostInARow.set(pair, run);
    run.isLossy ||= whole.isLossy;
    if (!run.isLossy) this.#noteRecovery(hardMs, softMs);
    if (hardMs < HARD_RECOVERY_MS * factor || softMs < SOFT_RECOVERY_MS * factor) return;
    const isStalled = !isDirect && this.#stalledAtMs(from, to) > saidAt;
    if (run.isLossy && isStalled && saidAt - run.sinceMs < STALLED_MAX_MS) return;
    run.count++;
    if (whole.isLossy && run.count < LOST_IN_A_ROW_MAX) return;
    this.#breaks.add(
      NAME,
      `message ${message.number} of ${from.name} to ${to.name}, said at ${saidAt.toFixed(0)} ms, was lost ` +
        `${seconds(hardMs)} after the last hard and ${seconds(softMs)} after the last soft fault` +
        (whole.isLossy ? `, the ${run.count}th in a row` : ''),
    );
  }

  /** When what the two send over relays last waited behind a lost segment. */
  #stalledAtMs(...nodes: readonly SimNode[]): number {
    const times = this.#world.relays.flatMap(({ streams }) =>
      nodes.map(({ host }) => streams.stalledAtMs(host)),
    );
    return Math.max(...times);
  }

  #noteRecovery(hardMs: number, softMs: number): void {
    // What is lost right after both was the hard one's doing.
    if (hardMs < softMs || hardMs < HARD_RECOVERY_MS) {
      this.worst.hardMs = Math.max(this.worst.hardMs, Math.min(hardMs, softMs));
    } else {
      this.worst.softMs = Math.max(this.worst.softMs, softMs);
    }
  }
}

function keyOf({ kind, from, to, number }: Message): string {
  return `${kind} ${from} ${to} ${number}`;
}

function pairOf({ from, to }: Message): string {
  return `${from} ${to}`;
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : 'for ever';
}
