/**
 * Packets for one receiver, fair between their sources (or of one sender, fair between their targets): deficit round
 * robin by bytes. A source that floods fills only its own share; when the queue is full, the source that holds most
 * loses its oldest packet.
 *
 * Source of the method: Shreedhar and Varghese, "Efficient Fair Queuing using Deficit Round Robin" (1995).
 */
import type { Counters } from '../base/counters.js';
import { after, type Instant } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';

export interface FairQueueLimits {
  readonly packetsMax: number;
  readonly bytesMax: number;
  /** Default {@link AGE_MAX_MS}. */
  readonly ageMaxMs?: number;
}

/** Bytes queued by all receivers of a server together. */
export interface MemoryBudget {
  readonly bytesMax: number;
  usedBytes: number;
}

/** What one source may send per round: one full packet of a 1500-byte network and its header. */
const QUANTUM_BYTES = 2048;
/**
 * A packet that waited longer is dropped instead of sent: the tunnel above has resent it or given up. It bounds the
 * delay that a slow receiver's queue can add.
 */
const AGE_MAX_MS = 500;

interface Waiting {
  readonly frame: Uint8Array;
  readonly since: Instant;
}

interface Flow {
  readonly source: NodeKey;
  readonly waiting: Waiting[];
  bytes: number;
  deficit: number;
}

export class FairQueue {
  readonly #limits: FairQueueLimits;
  readonly #memory: MemoryBudget;
  readonly #counters: Counters;
  /** Drops are counted as `drop-<label>-full`, `-old` and `-memory`. */
  readonly #label: string;
  /** Only sources with packets; the first is served next. */
  readonly #flows = new Map<NodeKey, Flow>();
  #packets = 0;
  #bytes = 0;

  constructor(label: string, limits: FairQueueLimits, memory: MemoryBudget, counters: Counters) {
    this.#label = label;
    this.#limits = limits;
    this.#memory = memory;
    this.#counters = counters;
  }

  get packets(): number {
    return this.#packets;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(source: NodeKey, frame: Uint8Array, now: Instant): void {
    if (this.#memory.usedBytes + frame.length > this.#memory.bytesMax) {
      this.#counters.add(`drop-${this.#label}-memory`);
      return;
    }
    let flow = this.#flows.get(source);
    if (flow === undefined) {
      flow = { source, waiting: [], bytes: 0, deficit: QUANTUM_BYTES };
      this.#flows.set(source, flow);
    }
    flow.waiting.push({ frame, since: now });
    this.#account(flow, 1, frame.length);
    while (this.#packets > this.#limits.packetsMax || this.#bytes > this.#limits.bytesMax) {
      this.#dropOldest(this.#fullest(flow), 'full');
    }
  }

  /** The next frame in turn; undefined when nothing (fresh) waits. */
  take(now: Instant): Uint8Array | undefined {
    const flow = this.#flowInTurn(now);
    const next = flow?.waiting[0];
    if (flow === undefined || next === undefined) return undefined;
    flow.deficit -= next.frame.length;
    this.#removeHead(flow, next);
    return next.frame;
  }

  /** What {@link take} would give now. */
  peek(now: Instant): Uint8Array | undefined {
    return this.#flowInTurn(now)?.waiting[0]?.frame;
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.#memory.usedBytes -= this.#bytes;
    this.#flows.clear();
    this.#packets = 0;
    this.#bytes = 0;
  }

  /** The flow whose oldest packet is fresh and may leave. */
  #flowInTurn(now: Instant): Flow | undefined {
    for (;;) {
      const flow = this.#flows.values().next().value;
      if (flow === undefined) return undefined;
      const next = this.#freshHead(flow, now);
      if (next === undefined) continue;
      if (next.frame.length <= flow.deficit) return flow;
      flow.deficit += QUANTUM_BYTES;
      this.#flows.delete(flow.source);
      this.#flows.set(flow.source, flow);
    }
  }

  /** The oldest packet that is not too old; undefined, and the flow is gone, when there is none. */
  #freshHead(flow: Flow, now: Instant): Waiting | undefined {
    for (let head = flow.waiting[0]; head !== undefined; head = flow.waiting[0]) {
      if (after(head.since, this.#limits.ageMaxMs ?? AGE_MAX_MS) >= now) return head;
      this.#dropOldest(flow, 'old');
    }
    return undefined;
  }

  /** Ties go to the source that just added: it pays for its own packet. */
  #fullest(preferred: Flow): Flow {
    let fullest = preferred;
    for (const flow of this.#flows.values()) if (flow.bytes > fullest.bytes) fullest = flow;
    return fullest;
  }

  #dropOldest(flow: Flow, reason: 'full' | 'old'): void {
    const head = flow.waiting[0];
    if (head === undefined) return;
    this.#removeHead(flow, head);
    this.#counters.add(`drop-${this.#label}-${reason}`);
  }

  #removeHead(flow: Flow, head: Waiting): void {
    flow.waiting.shift();
    this.#account(flow, -1, -head.frame.length);
    if (flow.waiting.length === 0) this.#flows.delete(flow.source);
  }

  #account(flow: Flow, packets: number, bytes: number): void {
    flow.bytes += bytes;
    this.#packets += packets;
    this.#bytes += bytes;
    this.#memory.usedBytes += bytes;
  }
}
