/**
 * A Linux TUN device: whole IP packets, one per read or write, no packet information header.
 *
 * The device belongs to the network namespace of the process at open. It disappears when the last
 * descriptor closes, so a killed daemon leaves none behind.
 */
import { closeSync, constants, openSync } from 'node:fs';
import type { Counters } from '@warren/core/base/counters';
import {
  HEADROOM_BYTES,
  type PacketBatch,
  TAILROOM_BYTES,
} from '@warren/core/packet-engine/packet-ports';
import { NodeError } from '../errors.js';
import { EAGAIN, EBUSY, EINTR, ENOTTY, EPERM } from '../libc/errno.js';
import { type Libc, loadLibc, type PollHandle } from '../libc/libc.js';

const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
/** struct ifreq: name[16], then the flags. */
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;
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
export class LinuxTun {
  readonly name: string;

  readonly #libc: Libc;
  readonly #fd: number;
  readonly #poll: PollHandle;
  readonly #batch: PacketBatch & { readonly memory: Uint8Array };
  readonly #batchAddress: number;
  readonly #strideBytes: number;
  readonly #options: TunOptions;
  /** Addresses of memory that the engine writes from; it uses few buffers, so a weak map holds them. */
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();
  #closed = false;

  private constructor(libc: Libc, fd: number, options: TunOptions) {
    this.name = options.name;
    this.#libc = libc;
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

  /** Creates the device; throws a {@link NodeError} that tells missing rights from a missing driver. */
  static async open(options: TunOptions): Promise<LinuxTun> {
    const libc = await loadLibc();
    let fd: number;
    try {
      fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    } catch (cause) {
      throw openError(cause);
    }
    const request = new Uint8Array(IFREQ_BYTES);
    request.set(new TextEncoder().encode(options.name).subarray(0, NAME_BYTES - 1));
    new DataView(request.buffer).setUint16(NAME_BYTES, IFF_TUN | IFF_NO_PI, true);
    if (libc.ioctl(fd, TUNSETIFF, libc.addressOf(request)) < 0) {
      const errno = libc.errno();
      closeSync(fd);
      throw attachError(options.name, errno);
    }
    return new LinuxTun(libc, fd, options);
  }

  /** One packet to the kernel. A refusal (a down device, a malformed packet) is counted. */
  write(memory: Uint8Array, at: number, length: number): void {
    if (this.#closed) return;
    let address = this.#addresses.get(memory.buffer);
    if (address === undefined) {
      address = this.#libc.addressOf(new Uint8Array(memory.buffer));
      this.#addresses.set(memory.buffer, address);
    }
    const from = address + memory.byteOffset + at;
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
    this.#options.onGone(
      new NodeError(
        'TUN_GONE',
        `the network device ${this.name} was deleted while it was in use`,
        'start the daemon again; find out which program removes network devices',
      ),
    );
  }
}

const GET_DEVICE =
  'load the driver with `modprobe tun`; in a container pass --device /dev/net/tun --cap-add NET_ADMIN';

function openError(cause: unknown): NodeError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (code === 'EACCES' || code === 'EPERM') {
    return new NodeError(
      'TUN_RIGHTS',
      'no right to open /dev/net/tun',
      'run the daemon as root (sudo), or give the process CAP_NET_ADMIN and access to /dev/net/tun',
      { cause },
    );
  }
  return new NodeError(
    'TUN_MISSING',
    `this system has no usable /dev/net/tun (${code})`,
    GET_DEVICE,
    { cause },
  );
}

function attachError(name: string, errno: number): NodeError {
  if (errno === EPERM) {
    return new NodeError(
      'TUN_RIGHTS',
      `no right to create the network device ${name}`,
      'run the daemon as root (sudo), or give the process CAP_NET_ADMIN',
    );
  }
  if (errno === EBUSY) {
    return new NodeError(
      'TUN_BUSY',
      `the network device ${name} is in use by another process`,
      'stop the other daemon, or choose another name with --tun',
    );
  }
  if (errno === ENOTTY) {
    return new NodeError('TUN_MISSING', 'the /dev/net/tun here is not a TUN device', GET_DEVICE);
  }
  return new NodeError(
    'TUN_MISSING',
    `the kernel refused to create the network device ${name} (errno ${errno})`,
    'device names have at most 15 characters and no slash; check the name given by --tun',
  );
}
