/**
 * The few calls into libc that Node lacks, by koffi. A daemon can't do without, whatever its data plane is: it opens the
 * TUN device by them. Hubs and relays never load it, and what runs without a daemon gets along.
 *
 * Memory crosses as raw addresses (`addressOf` once per buffer); the caller keeps the buffer alive. Calls
 * answer -1 and set errno as in C. Readiness comes from libuv's poll, never from blocking calls.
 */
import type Koffi from 'koffi';
import { NodeError } from '../errors.js';

/**
 * What a {@link PollHandle} tells, from the event loop. Promises that settle in these calls wait for the next
 * timer, immediate or message: koffi does not run what waits for the end of a call.
 */
export interface PollListener {
  onReadable(): void;
  /** Only asked for by {@link PollHandle.watch}. */
  onWritable?(): void;
  /** An error waits on the descriptor. Nothing more comes until `watch` is called again. */
  onBroken(): void;
}

/** A libuv poll on a file descriptor; once closed it stays so, whatever is called. */
export interface PollHandle {
  /** What to wait for from now on; with neither it pauses. Also goes on after an error. */
  watch(readable: boolean, writable: boolean): void;
  /** Ends the callbacks and frees the handle. Goes before closing the descriptor. */
  close(): void;
}

/** Addresses are numbers; structures lie in memory of the caller. */
export interface Libc {
  ioctl(fd: number, request: number, argument: number): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  /** `vectors`: of `count` struct iovec. */
  writev(fd: number, vectors: number, count: number): number;
  close(fd: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, socketAddress: number, length: number): number;
  connect(fd: number, socketAddress: number, length: number): number;
  /** `length`: of the u32 with the room there is, which takes the length there was. */
  getsockname(fd: number, socketAddress: number, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  /** `message`: of a struct msghdr. */
  sendmsg(fd: number, message: number, flags: number): number;
  recvmsg(fd: number, message: number, flags: number): number;
  errno(): number;
  /** The memory address of an array's first byte. */
  readonly addressOf: (bytes: Uint8Array) => number;
  /** `events`: of room for `count` struct epoll_event; answers how many there are. */
  epollWait(fd: number, events: number, count: number, timeoutMs: number): number;
  /** Waits for data at first. */
  poll(fd: number, listener: PollListener): PollHandle;
  /** Whose data on `fd` is waited for. */
  listenerOf(fd: number): PollListener | undefined;
  /** Calls back in a turn of the event loop of its own. */
  soon(callback: () => void): void;
  /** Whether the event loop must have a turn, for {@link soon} or for what {@link poll} waits for; once told it isn't again. */
  takeTurnWanted(): boolean;
}

interface KoffiPollEvents {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** `status` is 0 or a negative error of libuv, which has stopped the poll then. */
type KoffiPollCallback = (status: number, events: KoffiPollEvents) => void;

interface KoffiPoll {
  start(events: KoffiPollEvents, callback: KoffiPollCallback): void;
  stop(): void;
  close(): void;
}

interface KoffiNode {
  poll(fd: number, events: KoffiPollEvents, callback: KoffiPollCallback): KoffiPoll;
}

/** The polls of one thread. */
class Polls {
  /** A descriptor that was watched anew, or no more, gets to the kernel by a turn of the event loop. */
  isTurnWanted = false;
  /** Of descriptors that data is waited for on. */
  readonly listeners = new Map<number, PollListener>();
  readonly #node: KoffiNode;
  /** libuv handles must stay referenced from JavaScript or their callbacks stop when they are collected. */
  readonly #live = new Set<KoffiPoll>();

  constructor(node: KoffiNode) {
    this.#node = node;
  }

  start(fd: number, listener: PollListener): PollHandle {
    let isOpen = true;
    const callback: KoffiPollCallback = (status, { readable, writable }) => {
      try {
        if (status < 0) {
          listener.onBroken();
          return;
        }
        if (writable) listener.onWritable?.();
        if (readable && isOpen) listener.onReadable();
      } catch (error) {
        // koffi would lose it; this way it is an uncaught exception like any other.
        setImmediate(() => {
          throw error;
        });
      }
    };
    const poll = this.#node.poll(fd, { readable: true, writable: false }, callback);
    this.#live.add(poll);
    this.#watch(fd, listener);
    return {
      watch: (readable, writable) => {
        if (!isOpen) return;
        if (readable || writable) poll.start({ readable, writable }, callback);
        else poll.stop();
        this.#watch(fd, readable ? listener : undefined);
      },
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        // This order matters: close before stop crashes.
        poll.stop();
        poll.close();
        this.#live.delete(poll);
        this.#watch(fd, undefined);
      },
    };
  }

  #watch(fd: number, listener: PollListener | undefined): void {
    if (listener === undefined) this.listeners.delete(fd);
    else this.listeners.set(fd, listener);
    this.isTurnWanted = true;
  }
}

let loaded: Libc | undefined;

/** Loads koffi, for modules that bind calls of their own; throws a {@link NodeError} that says how to get it. */
export async function loadKoffi(): Promise<typeof Koffi> {
  try {
    return (await import('koffi')).default;
  } catch (cause) {
    throw new NodeError(
      'FFI_MISSING',
      'the koffi package, which opens the TUN device, is not installed or does not fit this platform',
      'run npm install (not with --omit=optional) on the machine where the daemon runs',
      { cause },
    );
  }
}

/** Loads koffi and binds the calls; throws as {@link loadKoffi} does. */
export async function loadLibc(): Promise<Libc> {
  loaded ??= bindLibc(await loadKoffi());
  return loaded;
}

function bindLibc(koffi: typeof Koffi): Libc {
  const library = koffi.load(null);
  /** Every parameter is a number; ssize_t is `long` to koffi, which does not know the other name. */
  const call = (declaration: string): ((...numbers: number[]) => number) =>
    library.func(declaration);
  const polls = new Polls((koffi as unknown as { readonly node: KoffiNode }).node);
  return {
    ioctl: call('int ioctl(int fd, unsigned long request, uintptr_t argument)'),
    read: call('long read(int fd, uintptr_t buffer, size_t length)'),
    write: call('long write(int fd, uintptr_t buffer, size_t length)'),
    writev: call('long writev(int fd, uintptr_t vectors, int count)'),
    close: call('int close(int fd)'),
    socket: call('int socket(int domain, int type, int protocol)'),
    bind: call('int bind(int fd, uintptr_t address, uint32_t length)'),
    connect: call('int connect(int fd, uintptr_t address, uint32_t length)'),
    getsockname: call('int getsockname(int fd, uintptr_t address, uintptr_t length)'),
    setsockopt: call(
      'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)',
    ),
    getsockopt: call(
      'int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t length)',
    ),
    sendmsg: call('long sendmsg(int fd, uintptr_t message, int flags)'),
    recvmsg: call('long recvmsg(int fd, uintptr_t message, int flags)'),
    errno: () => koffi.errno(),
    addressOf: (bytes) => Number(koffi.address(bytes)),
    epollWait: call('int epoll_wait(int fd, uintptr_t events, int count, int timeout)'),
    poll: (fd, listener) => polls.start(fd, listener),
    listenerOf: (fd) => polls.listeners.get(fd),
    soon(callback) {
      polls.isTurnWanted = true;
      setImmediate(callback);
    },
    takeTurnWanted() {
      const isWanted = polls.isTurnWanted;
      polls.isTurnWanted = false;
      return isWanted;
    },
  };
}
