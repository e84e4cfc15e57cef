/**
 * Everything that waits for one connection of the server, in three classes served in strict order:
 *
 *     control   greeting, PeerGone, Pong, KeepAlive, Health, Restarting
 *     disco     path discovery: what gets two peers off the relay
 *     data      WireGuard
 *
 * One exception keeps a flood of disco-looking packets from shutting data out: after 16 of them in a row a waiting
 * data packet gets its turn. Pongs and keep-alives have one slot each: more of them say nothing more.
 */

import { concatBytes } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';
import { encodeKeepAlive, encodePong } from './encode-frames.js';
import { FairQueue, type FairQueueLimits, type MemoryBudget } from './fair-queue.js';

/** PeerGone for every peer that a busy node talks to, at once. */
const CONTROL_MAX_FRAMES = 4096;
/** A window's worth of full packets; with fair shares no single source can use it against the others. */
const DATA_LIMITS: FairQueueLimits = { packetsMax: 256, bytesMax: 256 * 1024 };
/** Disco packets are some 100 bytes, a few per peer and second. */
const DISCO_LIMITS: FairQueueLimits = { packetsMax: 128, bytesMax: 32 * 1024 };
const DISCO_IN_A_ROW_MAX = 16;
/**
 * Bytes per write. Larger writes cost less, but whatever is in one can't be overtaken any more: 16 KiB, one TLS
 * record, is 13 ms at 10 Mbit/s.
 */
const WRITE_TARGET_BYTES = 16 * 1024;

export class SendQueue {
  readonly #counters: Counters;
  readonly #control: Uint8Array[] = [];
  readonly #disco: FairQueue;
  readonly #data: FairQueue;
  #pong: Uint8Array | undefined;
  #keepAlive = false;
  #discoInARow = 0;

  constructor(memory: MemoryBudget, counters: Counters) {
    this.#counters = counters;
    this.#disco = new FairQueue('disco', DISCO_LIMITS, memory, counters);
    this.#data = new FairQueue('data', DATA_LIMITS, memory, counters);
  }

  get packets(): number {
    return this.#disco.packets + this.#data.packets;
  }

  addControl(frame: Uint8Array): void {
    if (this.#control.length >= CONTROL_MAX_FRAMES) {
      this.#control.shift();
      this.#counters.add('drop-control-full');
    }
    this.#control.push(frame);
  }

  /** A Pong with `data`; dropped when one waits already. */
  addPong(data: Uint8Array): void {
    if (this.#pong === undefined) this.#pong = encodePong(data);
    else this.#counters.add('drop-pong');
  }

  addKeepAlive(): void {
    this.#keepAlive = true;
  }

  addPacket(source: NodeKey, isDisco: boolean, frame: Uint8Array, now: Instant): void {
    (isDisco ? this.#disco : this.#data).add(source, frame, now);
  }

  /** The bytes of the next write; undefined when nothing waits. */
  takeWrite(now: Instant): Uint8Array | undefined {
    const first = this.#take(now);
    if (first === undefined) return undefined;
    const frames = [first];
    let length = first.length;
    while (length < WRITE_TARGET_BYTES) {
      const frame = this.#take(now);
      if (frame === undefined) break;
      frames.push(frame);
      length += frame.length;
    }
    return frames.length === 1 ? first : concatBytes(...frames);
  }

  /** Only control frames stay: the connection is about to close. */
  clearPackets(): void {
    this.#disco.clear();
    this.#data.clear();
  }

  #take(now: Instant): Uint8Array | undefined {
    return this.#takeControl() ?? this.#takePacket(now);
  }

  #takeControl(): Uint8Array | undefined {
    const frame = this.#control.shift();
    if (frame !== undefined) return frame;
    const pong = this.#pong;
    if (pong !== undefined) {
      this.#pong = undefined;
      return pong;
    }
    if (!this.#keepAlive) return undefined;
    this.#keepAlive = false;
    return encodeKeepAlive();
  }

  #takePacket(now: Instant): Uint8Array | undefined {
    if (this.#discoInARow >= DISCO_IN_A_ROW_MAX) {
      this.#discoInARow = 0;
      const data = this.#data.take(now);
      if (data !== undefined) return data;
    }
    const disco = this.#disco.take(now);
    if (disco !== undefined) {
      this.#discoInARow += 1;
      return disco;
    }
    this.#discoInARow = 0;
    return this.#data.take(now);
  }
}
