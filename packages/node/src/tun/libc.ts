/**
 * The few calls into libc that Node lacks, by koffi (loaded lazily: a machine without TUN needs none).
 *
 * Buffers cross as raw addresses (`addressOf` once per buffer); the caller keeps the buffer alive. Calls
 * answer -1 and set errno as in C. Readiness comes from libuv's poll, never from blocking calls.
 */
import type Koffi from 'koffi';
import { NodeError } from '../errors.js';

/** Values of Linux on every architecture Node runs on. */
export const EPERM = 1;
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const ENOTTY = 25;

/** A running libuv poll on a file descriptor. */
export interface PollHandle {
  /** Ends the callbacks and frees the handle. */
  close(): void;
}

export interface Libc {
  ioctl(fd: number, request: number, argument: number): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  errno(): number;
  /** The memory address of an array's first byte. */
  addressOf(bytes: Uint8Array): number;
  /**
   * Calls `onReadable` from the event loop while the descriptor has data. An error of the descriptor ends the
   * poll and calls `onBroken`.
   */
  pollReadable(fd: number, onReadable: () => void, onBroken: () => void): PollHandle;
}

interface KoffiPoll {
  stop(): void;
  close(): void;
}

interface KoffiNode {
  poll(
    fd: number,
    events: { readonly readable: boolean },
    /** `status` is 0 or a negative error of libuv, after which nothing more comes. */
    callback: (status: number, events: unknown) => void,
  ): KoffiPoll;
}

/**
 * libuv handles must stay referenced from JavaScript or their callbacks stop when they are collected.
 */
const livePolls = new Set<KoffiPoll>();

let loaded: Libc | undefined;

/** Loads koffi and binds the calls; throws a {@link NodeError} that says how to get koffi. */
export async function loadLibc(): Promise<Libc> {
  if (loaded !== undefined) return loaded;
  let koffi: typeof Koffi;
  try {
    koffi = (await import('koffi')).default;
  } catch (cause) {
    throw new NodeError(
      'FFI_MISSING',
      'the koffi package, which opens the TUN device, is not installed or does not fit this platform',
      'run npm install (not with --omit=optional) on the machine where the daemon runs',
      { cause },
    );
  }
  const libc = koffi.load(null);
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, uintptr_t argument)');
  const read = libc.func('long read(int fd, uintptr_t buffer, size_t length)');
  const write = libc.func('long write(int fd, uintptr_t buffer, size_t length)');
  const node = (koffi as unknown as { readonly node: KoffiNode }).node;
  loaded = {
    ioctl: (fd, request, argument) => ioctl(fd, request, argument) as number,
    read: (fd, address, length) => read(fd, address, length) as number,
    write: (fd, address, length) => write(fd, address, length) as number,
    errno: () => koffi.errno(),
    addressOf: (bytes) => Number(koffi.address(bytes)),
    pollReadable(fd, onReadable, onBroken) {
      const poll = node.poll(fd, { readable: true }, (status) =>
        status < 0 ? onBroken() : onReadable(),
      );
      livePolls.add(poll);
      return {
        close() {
          // This order matters: close before stop crashes.
          poll.stop();
          poll.close();
          livePolls.delete(poll);
        },
      };
    },
  };
  return loaded;
}
