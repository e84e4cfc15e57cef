/**
 * A TUN device with offload: the kernel hands over and takes up to 64 KB of a connection at once.
 *
 *     readable -- read --> super-packet -- split --> slots in the arena -- full, or nothing left --> onPackets
 *     write ... write, flush --> coalesced --> writev: virtio header and first packet, then payloads uncopied
 *
 * What is written from the arena is only looked at by `flush`; until then it must stay. The ten bytes before each
 * packet are overwritten: WireGuard's header was there.
 */
import { closeSync } from 'node:fs';
import type { InternetChecksum } from '@warren/core/offload/checksum';
import { Coalescer } from '@warren/core/offload/coalesce';
import { SegmentSlots } from '@warren/core/offload/slots';
import { READ_BYTES_MAX, SuperPacketSplitter } from '@warren/core/offload/split';
import { HEADROOM_BYTES, TAILROOM_BYTES } from '@warren/core/packet-engine/packet-ports';
import { EAGAIN, EINTR } from '../libc/errno.js';
import { IOVEC_BYTES, writeVector } from '../libc/iovec.js';
import type { Libc, PollHandle } from '../libc/libc.js';
import type { Arena } from '../plane/arena.js';
import { ArenaCopies } from '../plane/arena-copies.js';
import type { TunOptions } from './plain-tun.js';
import { type TunOffload, tunGone } from './tun-device.js';

/** Packets handed on at once: two super-packets at the usual MTU, which still lie in the processor's cache. */
const SLOTS = 128;
/** Super-packets per wake: a millisecond or two of work, then UDP has its turn. */
const READS_PER_WAKE = 24;
/** The kernel takes no more vectors at once (UIO_MAXIOV). */
const VECTORS_MAX = 1024;
/** Packets that don't lie in the arena, from one flush to the next: those that came over relays. */
const COPIES_BYTES = 256 * 1024;
/** The packet then lies on a multiple of 16, and the virtio header just before it. */
const COPY_HEADROOM_BYTES = 16;

export interface OffloadTunOptions extends TunOptions {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly checksum: InternetChecksum;
  readonly fd: number;
  readonly offload: TunOffload;
}

export class OffloadTun {
  readonly name: string;

  readonly #options: OffloadTunOptions;
  readonly #poll: PollHandle;
  readonly #slots: SegmentSlots;
  readonly #splitter: SuperPacketSplitter;
  readonly #coalescer: Coalescer;
  readonly #readAt: number;
  readonly #vectorsAt: number;
  readonly #copies: ArenaCopies;
  #vectors = 0;
  #isClosed = false;

  /** How much of the arena a device of this MTU takes. */
  static arenaBytes(mtuBytes: number): number {
    const fixed = READ_BYTES_MAX + VECTORS_MAX * IOVEC_BYTES + COPIES_BYTES;
    return SegmentSlots.bytesFor(slotShape(mtuBytes)) + fixed + 4 * 64;
  }

  /** Takes over `fd`, of `openTunDevice`. */
  constructor(options: OffloadTunOptions) {
    const { name, libc, arena, checksum, fd, offload, mtuBytes } = options;
    this.name = name;
    this.#options = options;
    const shape = slotShape(mtuBytes);
    const slotsAt = arena.reserve(SegmentSlots.bytesFor(shape));
    this.#slots = new SegmentSlots(arena.bytes, slotsAt, shape);
    this.#splitter = new SuperPacketSplitter(arena.bytes, checksum, this.#slots);
    // The packet behind the virtio header lies on a multiple of 4, as copying likes it.
    this.#readAt = arena.reserve(READ_BYTES_MAX + 2) + 2;
    this.#vectorsAt = arena.reserve(VECTORS_MAX * IOVEC_BYTES);
    this.#copies = new ArenaCopies(arena, COPIES_BYTES, COPY_HEADROOM_BYTES);
    this.#coalescer = new Coalescer(arena.bytes, checksum, this, { joinsUdp: offload.udp });
    this.#poll = libc.poll(fd, {
      onReadable: () => this.#drain(),
      onBroken: () => this.#gone(),
    });
  }

  /** One packet to the kernel, at the next {@link flush} at the latest. */
  write(memory: Uint8Array, at: number, length: number): void {
    if (this.#isClosed) return;
    const { arena } = this.#options;
    this.#coalescer.add(memory === arena.bytes ? at : this.#copy(memory, at, length), length);
  }

  /** Everything written goes to the kernel. A refusal (a down device, a malformed packet) is counted. */
  flush(): void {
    this.#coalescer.flush();
    this.#copies.clear();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poll.close();
    closeSync(this.#options.fd);
  }

  /** The coalescer's: a part of what goes to the kernel next. */
  piece(at: number, length: number): void {
    const { view, address } = this.#options.arena;
    writeVector(view, this.#vectorsAt + this.#vectors * IOVEC_BYTES, address + at, length);
    this.#vectors++;
  }

  /** The coalescer's: the parts are complete. */
  end(): void {
    const { libc, fd, arena, counters } = this.#options;
    const vectors = this.#vectors;
    this.#vectors = 0;
    if (this.#isClosed) return;
    if (libc.writev(fd, arena.address + this.#vectorsAt, vectors) < 0) {
      counters.add('tun-write-refused');
    }
  }

  #drain(): void {
    const { libc, fd, arena, counters } = this.#options;
    let isGone = false;
    for (let reads = 0; reads < READS_PER_WAKE && !this.#isClosed; reads++) {
      const length = libc.read(fd, arena.address + this.#readAt, READ_BYTES_MAX);
      if (length <= 0) {
        const errno = length < 0 ? libc.errno() : EAGAIN;
        if (errno === EINTR) continue;
        isGone = errno !== EAGAIN;
        break;
      }
      const refused = this.#splitter.begin(this.#readAt, length);
      if (refused !== undefined) counters.add(refused.reason);
      while (this.#splitter.fill()) this.#handOn();
    }
    this.#handOn();
    if (isGone) this.#gone();
  }

  #handOn(): void {
    if (this.#slots.count > 0) this.#options.onPackets(this.#slots);
    this.#slots.count = 0;
  }

  #gone(): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onGone(tunGone(this.name));
  }

  #copy(memory: Uint8Array, at: number, length: number): number {
    if (!this.#copies.hasRoom(length)) this.flush();
    return this.#copies.put(memory, at, length);
  }
}

function slotShape(mtuBytes: number) {
  return {
    slots: SLOTS,
    packetBytesMax: mtuBytes,
    headroomBytes: HEADROOM_BYTES,
    tailroomBytes: TAILROOM_BYTES,
  };
}
