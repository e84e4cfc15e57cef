/**
 * A TUN device without offload: one IP packet per read and write. For kernels without virtio headers, and where
 * the portable data plane is asked for.
 */
import { closeSync } from 'node:fs';
import type { Counters } from '@warren/core/base/counters';
import {
  HEADROOM_BYTES,
  type PacketBatch,
  TAILROOM_BYTES,
} from '@warren/core/packet-engine/packet-ports';
import type { NodeError } from '../errors.js';
import { Addresses } from '../libc/addresses.js';
import { EAGAIN, EINTR } from '../libc/errno.js';
import type { Libc, PollHandle } from '../libc/libc.js';
import { tunGone } from './tun-device.js';

/** Packets per wake: bounds the time before UDP gets its turn (64 x 1,280 bytes is under a millisecond). */
const BATCH_PACKETS = 64;

export interface TunOptions {
  readonly name: string;
  readonly mtuBytes: number;
  /** Packets that the kernel refused are counted here. */
  readonly counters: Counters;
  /** Called with packets to send; the batch is reused after the call returns. */
  readonly onPackets: (batch: PacketBatch) => void;
  /** The device was deleted underneath us, or its descriptor broke: no packet will come any more. */
  readonly onGone: (error: NodeError) => void;
}

/** An open device. */
export class PlainTun {
  readonly name: string;

  readonly #libc: Libc;
  readonly #fd: number;
  readonly #poll: PollHandle;
  readonly #batch: PacketBatch & { readonly memory: Uint8Array };
  readonly #batchAddress: number;
  readonly #strideBytes: number;
  readonly #options: TunOptions;
  /** Of memory that the engine writes from. */
  readonly #addresses: Addresses;
  #closed = false;

  /** Takes over `fd`, of `openTunDevice`. */
  constructor(libc: Libc, fd: number, options: TunOptions) {
    this.name = options.name;
    this.#libc = libc;
    this.#addresses = new Addresses(libc.addressOf);
    this.#fd = fd;
    this.#options = options;
    this.#strideBytes = Math.ceil((HEADROOM_BYTES + options.mtuBytes + TAILROOM_BYTES) / 16) * 16;
    this.#batch = {
      memory: new Uint8Array(this.#strideBytes * BATCH_PACKETS),
      offsets: new Uint32Array(BATCH_PACKETS),
      lengths: new Uint32Array(BATCH_PACKETS),
      count: 0,
    };
    this.#batchAddress = libc.addressOf(this.#batch.memory);
    this.#poll = libc.poll(fd, {
      onReadable: () => this.#drain(),
      onBroken: () => this.#gone(),
    });
  }

  /** One packet to the kernel. A refusal (a down device, a malformed packet) is counted. */
  write(memory: Uint8Array, at: number, length: number): void {
    if (this.#closed) return;
    const from = this.#addresses.of(memory, at, length);
    if (this.#libc.write(this.#fd, from, length) < 0) {
      this.#options.counters.add('tun-write-refused');
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    closeSync(this.#fd);
  }

  #drain(): void {
    const { offsets, lengths } = this.#batch;
    const { mtuBytes, onPackets } = this.#options;
    let count = 0;
    let isGone = false;
    while (count < BATCH_PACKETS && !this.#closed) {
      const at = count * this.#strideBytes + HEADROOM_BYTES;
      const length = this.#libc.read(this.#fd, this.#batchAddress + at, mtuBytes);
      if (length <= 0) {
        const errno = length < 0 ? this.#libc.errno() : EAGAIN;
        if (errno === EINTR) continue;
        isGone = errno !== EAGAIN;
        break;
      }
      offsets[count] = at;
      lengths[count] = length;
      count++;
    }
    this.#batch.count = count;
    if (count > 0) onPackets(this.#batch);
    if (isGone) this.#gone();
  }

  #gone(): void {
    if (this.#closed) return;
    this.close();
    this.#options.onGone(tunGone(this.name));
  }
}
