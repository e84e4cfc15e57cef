/**
 * One direction of a reliable stream: messages arrive whole and in order, or not at all. A lost segment
 * stalls everything behind it until it is sent again, with TCP's doubling pauses.
 */
import type { SimClock } from '../clock/sim-clock.js';

/** First repetition after this and a round trip, then doubling, as Linux does. */
const RTO_MIN_MS = 200;
const RTO_MAX_MS = 120_000;
/** After this long without progress the system gives the connection up. */
const GIVE_UP_MS = 15 * 60_000;
/** What the sender's system takes before it makes the writer wait. */
const SEND_BUFFER_BYTES = 256 * 1024;

/** What becomes of a segment that is sent now. */
export type SegmentFate = 'arrives' | 'lost' | 'reset';

export interface LaneOptions {
  readonly clock: SimClock;
  readonly fate: () => SegmentFate;
  readonly oneWayMs: () => number;
  /** The other side has no such connection any more, and says so. */
  readonly onReset: () => void;
  readonly onGiveUp: () => void;
}

interface Segment {
  readonly bytes: number;
  readonly deliver: () => void;
  readonly onTaken: (() => void) | undefined;
}

export class StreamLane {
  readonly #options: LaneOptions;
  readonly #queue: Segment[] = [];
  /** Written and not acknowledged. */
  #unacknowledged = 0;
  readonly #waiting: (() => void)[] = [];
  #stalledSinceMs: number | undefined;
  #lastStalledMs = Number.NEGATIVE_INFINITY;
  #rtoMs = 0;
  #ended = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** When something last waited for the repetition of a lost segment. */
  get stalledAtMs(): number {
    return this.#stalledSinceMs === undefined ? this.#lastStalledMs : this.#options.clock.now;
  }

  get bufferedBytes(): number {
    return this.#unacknowledged;
  }

  /** `onTaken` is called when the sender's system has room for more. */
  send(bytes: number, deliver: () => void, onTaken?: () => void): void {
    if (this.#ended) return;
    this.#unacknowledged += bytes;
    this.#queue.push({ bytes, deliver, onTaken });
    if (onTaken !== undefined) {
      if (this.#unacknowledged <= SEND_BUFFER_BYTES) this.#options.clock.later(0, onTaken);
      else this.#waiting.push(onTaken);
    }
    if (this.#stalledSinceMs === undefined) this.#pump();
  }

  end(): void {
    this.#ended = true;
    this.#queue.length = 0;
    this.#waiting.length = 0;
  }

  #pump(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const fate = this.#options.fate();
      if (fate === 'lost') {
        this.#stall();
        return;
      }
      this.#queue.shift();
      const oneWayMs = this.#options.oneWayMs();
      if (fate === 'reset') {
        this.end();
        this.#options.clock.later(2 * oneWayMs, this.#options.onReset);
        return;
      }
      this.#lastStalledMs = this.stalledAtMs;
      this.#stalledSinceMs = undefined;
      const segment = head;
      this.#options.clock.later(oneWayMs, segment.deliver);
      this.#options.clock.later(2 * oneWayMs, () => this.#acknowledged(segment.bytes));
    }
  }

  #stall(): void {
    const { clock, oneWayMs, onGiveUp } = this.#options;
    if (this.#stalledSinceMs === undefined) {
      this.#stalledSinceMs = clock.now;
      this.#rtoMs = RTO_MIN_MS + 2 * oneWayMs();
    } else {
      this.#rtoMs = Math.min(2 * this.#rtoMs, RTO_MAX_MS);
    }
    if (clock.now - this.#stalledSinceMs > GIVE_UP_MS) {
      this.end();
      onGiveUp();
      return;
    }
    clock.later(this.#rtoMs, () => {
      if (!this.#ended) this.#pump();
    });
  }

  #acknowledged(bytes: number): void {
    this.#unacknowledged -= bytes;
    while (this.#unacknowledged <= SEND_BUFFER_BYTES) {
      const taken = this.#waiting.shift();
      if (taken === undefined) return;
      taken();
    }
  }
}
