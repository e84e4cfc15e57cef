/**
 * Gathers datagrams that node:dgram hands over one by one: the engine gets those of one turn of the event loop together,
 * and what it makes of them reaches the operating system in few large pieces.
 */
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import { createDatagramBatch, type DatagramBatch } from '@warren/core/packet-engine/datagram-batch';

/** The largest UDP payload fits at least twice; of usual packets, a hundred. */
const MEMORY_BYTES = 128 * 1024;
const MAX_DATAGRAMS = 128;
/** Where a datagram begins: what is opened in place lies as ciphers like it. */
const ALIGNMENT_BYTES = 16;

export class DatagramGatherer {
  readonly #batch: DatagramBatch;
  readonly #from: number;
  readonly #onBatch: (socketId: SocketId, batch: DatagramBatch) => void;
  readonly #deliver = (): void => this.flush();
  #socketId: SocketId | undefined;
  #next: number;
  #turn: NodeJS.Immediate | undefined;

  static readonly memoryBytes = MEMORY_BYTES;

  /**
   * Takes `memory[at .. at + memoryBytes)` for ever, a multiple of 16. The batch is reused after each call of `onBatch`,
   * which may overwrite its datagrams.
   */
  constructor(
    memory: Uint8Array,
    at: number,
    onBatch: (socketId: SocketId, batch: DatagramBatch) => void,
  ) {
    this.#batch = createDatagramBatch(memory, MAX_DATAGRAMS);
    this.#from = at;
    this.#next = at;
    this.#onBatch = onBatch;
  }

  /** Copies `bytes`, of at most 65,535. */
  add(socketId: SocketId, source: Endpoint, bytes: Uint8Array): void {
    const batch = this.#batch;
    const hasRoom =
      batch.count < MAX_DATAGRAMS && this.#next + bytes.length <= this.#from + MEMORY_BYTES;
    if (socketId !== this.#socketId || !hasRoom) this.flush();
    this.#socketId = socketId;
    batch.memory.set(bytes, this.#next);
    batch.offsets[batch.count] = this.#next;
    batch.lengths[batch.count] = bytes.length;
    batch.sources[batch.count] = source;
    batch.count++;
    const end = this.#next + bytes.length;
    this.#next = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    this.#turn ??= setImmediate(this.#deliver);
  }

  /** Hands on what there is, now. */
  flush(): void {
    this.#forgetTurn();
    const socketId = this.#socketId;
    if (socketId !== undefined && this.#batch.count > 0) this.#onBatch(socketId, this.#batch);
    this.#empty();
  }

  /** What there is is dropped. */
  close(): void {
    this.#forgetTurn();
    this.#empty();
  }

  #empty(): void {
    this.#batch.count = 0;
    this.#next = this.#from;
    this.#socketId = undefined;
  }

  #forgetTurn(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
  }
}
