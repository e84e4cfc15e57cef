/**
 * A Linux TUN device: whole IP packets, one per read or write, no packet information header.
 *
 * The device belongs to the network namespace of the process at open. It disappears when the last
 * descriptor closes, so a killed daemon leaves none behind.
 */
import { closeSync, constants, openSync } from 'node:fs';
import {
  HEADROOM_BYTES,
  type PacketBatch,
  TAILROOM_BYTES,
} from '@warren/core/packet-engine/packet-ports';
import { NodeError } from '../errors.js';
import { EINTR, type Libc, loadLibc, type PollHandle } from './libc.js';

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
  /** Called with packets to send; the batch is reused after the call returns. */
  readonly onPackets: (batch: PacketBatch) => void;
}

/** An open device. */
export class LinuxTun {
  readonly name: string;
  /** Packets that the kernel refused, by errno text. */
  writeErrors = 0;

  readonly #libc: Libc;
  readonly #fd: number;
  readonly #poll: PollHandle;
  readonly #batch: PacketBatch & { readonly memory: Uint8Array };
  readonly #batchAddress: number;
  readonly #strideBytes: number;
  readonly #mtuBytes: number;
  readonly #onPackets: (batch: PacketBatch) => void;
  /** Addresses of memory that the engine writes from; it uses few buffers, so a weak map holds them. */
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();
  #closed = false;

  private constructor(libc: Libc, fd: number, options: TunOptions) {
    this.name = options.name;
    this.#libc = libc;
    this.#fd = fd;
    this.#mtuBytes = options.mtuBytes;
    this.#onPackets = options.onPackets;
    this.#strideBytes = Math.ceil((HEADROOM_BYTES + options.mtuBytes + TAILROOM_BYTES) / 16) * 16;
    this.#batch = {
      memory: new Uint8Array(this.#strideBytes * BATCH_PACKETS),
      offsets: new Uint32Array(BATCH_PACKETS),
      lengths: new Uint32Array(BATCH_PACKETS),
      count: 0,
    };
    this.#batchAddress = libc.addressOf(this.#batch.memory);
    this.#poll = libc.pollReadable(fd, () => this.#drain());
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
    if (this.#libc.write(this.#fd, from, length) < 0) this.writeErrors++;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    closeSync(this.#fd);
  }

  #drain(): void {
    const { offsets, lengths } = this.#batch;
    let count = 0;
    while (count < BATCH_PACKETS && !this.#closed) {
      const at = count * this.#strideBytes + HEADROOM_BYTES;
      const length = this.#libc.read(this.#fd, this.#batchAddress + at, this.#mtuBytes);
      if (length <= 0) {
        if (length < 0 && this.#libc.errno() === EINTR) continue;
        break; // EAGAIN: drained; anything else shows again at the next wake
      }
      offsets[count] = at;
      lengths[count] = length;
      count++;
    }
    this.#batch.count = count;
    if (count > 0) this.#onPackets(this.#batch);
  }
}

/** The errno names that a person meets when a TUN device can't be made. */
const EPERM = 1;
const EBUSY = 16;

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
    'load the driver with `modprobe tun`; in a container pass --device /dev/net/tun --cap-add NET_ADMIN',
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
  return new NodeError(
    'TUN_MISSING',
    `the kernel refused to create the network device ${name} (errno ${errno})`,
    'device names have at most 15 characters and no slash; check the name given by --tun',
  );
}
