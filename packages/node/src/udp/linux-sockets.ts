/**
 * UDP on Linux system calls: the fast {@link UdpSink}. The kernel cuts and joins datagrams (UDP_SEGMENT, UDP_GRO)
 * and takes them from the arena uncopied.
 */
import type { Counters } from '@warren/core/base/counters';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint, IpFamily } from '@warren/core/ip/address';
import type { DatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import type { UdpSink } from '@warren/core/packet-engine/packet-ports';
import type { Libc, PollListener } from '../libc/libc.js';
import type { Arena } from '../plane/arena.js';
import { ArenaCopies } from '../plane/arena-copies.js';
import { DatagramReader } from './datagram-reader.js';
import { LinuxSocket, SocketCalls, type UdpOffload } from './linux-socket.js';
import { RemoteTable } from './remote-table.js';
import { SegmentSender } from './segment-sender.js';

/** What {@link LinuxSockets} takes of the arena; most of it is touched only while the kernel has no room. */
export const LINUX_SOCKETS_ARENA_BYTES = 3 * 1024 * 1024;

/** The longest UDP payload there can be, rounded up. */
const MAX_DATAGRAM_BYTES = 65_535;
/** Datagrams that don't lie in the arena, from one flush to the next: control messages, mostly. */
const COPIES_BYTES = 2 * (MAX_DATAGRAM_BYTES + 1);
/** Refusals told in one turn; the engine only tells one per remote and second anyway. */
const MAX_REFUSALS_TOLD = 256;
/** Turns of the event loop with an error that is none, after which a socket is given up: it would spin for ever. */
const MAX_ERRORS_UNEXPLAINED = 16;
const MAX_HOPS = 255;

export interface LinuxSocketsOptions {
  readonly libc: Libc;
  readonly arena: Arena;
  /** What was dropped here, by reason. */
  readonly counters: Counters;
  /** Undefined: what the kernel gives. */
  readonly offload?: UdpOffload;
  /** Datagrams in the arena, where they may be overwritten; the batch is reused after the call. */
  readonly onBatch: (socketId: SocketId, batch: DatagramBatch) => void;
  readonly onOpen: (socketId: SocketId, port: number) => void;
  /** It could not be opened, or broke; it is closed then. */
  readonly onFailed: (socketId: SocketId, reason: string) => void;
  /** Told once for datagrams that were refused together. */
  readonly onSendFailed: (socketId: SocketId, remote: Endpoint, reason: string) => void;
  /** The kernel has room again: {@link LinuxSockets.isBlocked} is false. */
  readonly onWritable?: () => void;
}

interface Refusal {
  readonly socketId: SocketId;
  readonly remote: Endpoint;
  readonly reason: string;
}

/**
 * How a plane drives it, all within one event:
 *
 *     onBatch(socketId, batch)      engine.handleUdpBatch(socketId, batch, now); tun.flush(); sockets.flush()
 *     TUN readable                  engine.handleTunBatch(batch, now); sockets.flush()
 *     message, timer                engine.handle... ; tun.flush(); sockets.flush()
 *
 * `send` of memory in the arena only notes where the bytes lie: they stay as they are until `flush`. Any other
 * memory is copied in the call. Every other event comes from a turn of its own, never from within a call.
 */
export class LinuxSockets implements UdpSink {
  /** What is in use of the kernel's help. */
  readonly offload: UdpOffload;

  readonly #options: LinuxSocketsOptions;
  readonly #calls: SocketCalls;
  readonly #reader: DatagramReader;
  readonly #remotes: RemoteTable;
  readonly #sender: SegmentSender;
  readonly #sockets = new Map<SocketId, LinuxSocket>();
  readonly #copies: ArenaCopies;
  #refusals: Refusal[] = [];
  /** Why sockets could not be opened, until it is told. */
  readonly #failures = new Map<SocketId, { readonly reason: string }>();

  constructor(options: LinuxSocketsOptions) {
    const { libc, arena, counters } = options;
    this.#options = options;
    this.#calls = new SocketCalls(libc, arena);
    this.offload = options.offload ?? this.#calls.probeOffload();
    this.#reader = new DatagramReader(libc, arena, counters);
    this.#remotes = new RemoteTable(arena);
    this.#sender = new SegmentSender({
      ...options,
      segments: this.offload.segments,
      onRefused: (socket, remote, reason) => this.#refused(socket.id, remote, reason),
    });
    this.#copies = new ArenaCopies(arena, COPIES_BYTES, 0);
  }

  /** Datagrams wait for room in the kernel, until `onWritable`; more take the place of others. */
  get isBlocked(): boolean {
    return this.#sender.isHolding;
  }

  open(socketId: SocketId, family: IpFamily, port: number): void {
    this.close(socketId);
    const bound = this.#calls.openBound(family, port, this.offload.gro);
    if (typeof bound === 'string') {
      this.#fail(socketId, bound);
      return;
    }
    const { libc } = this.#options;
    const socket = new LinuxSocket(libc, socketId, family, bound.fd, (of) => this.#listener(of));
    this.#sockets.set(socketId, socket);
    this.#options.libc.soon(() => {
      if (socket.isOpen) this.#options.onOpen(socketId, bound.port);
    });
  }

  /** What was sent before leaves, unless the kernel has no room. */
  close(socketId: SocketId): void {
    this.#failures.delete(socketId);
    const socket = this.#sockets.get(socketId);
    if (socket === undefined) return;
    this.flush();
    const wasBlocked = this.isBlocked;
    this.#sockets.delete(socketId);
    socket.close();
    this.#sender.abandon(socket);
    if (wasBlocked) this.#options.libc.soon(() => this.#tellRoom());
  }

  send(
    socketId: SocketId,
    remote: Endpoint,
    memory: Uint8Array,
    at: number,
    length: number,
    ttl?: number,
  ): void {
    const socket = this.#sockets.get(socketId);
    if (socket === undefined) {
      this.#options.counters.add('udp-no-socket');
      return;
    }
    if (length > MAX_DATAGRAM_BYTES) {
      this.#refused(socketId, remote, 'EMSGSIZE');
      return;
    }
    const from = memory === this.#options.arena.bytes ? at : this.#copy(memory, at, length);
    const target = this.#remotes.remoteOf(remote);
    if (ttl === undefined) this.#sender.send(socket, target, from, length);
    else this.#sender.sendAlone(socket, target, from, length, this.#hopsOf(ttl));
  }

  /** Everything sent leaves; comes after every call of the engine. */
  flush(): void {
    this.#sender.flush();
    this.#copies.clear();
  }

  closeAll(): void {
    for (const socketId of [...this.#sockets.keys()]) this.close(socketId);
  }

  #listener(socket: LinuxSocket): PollListener {
    const onBatch = (batch: DatagramBatch): void => this.#options.onBatch(socket.id, batch);
    return {
      onReadable: () => {
        socket.errorsUnexplained = 0;
        this.#reader.read(socket, onBatch);
      },
      onWritable: () => {
        this.#sender.retry(socket);
        this.#tellRoom();
      },
      onBroken: () => this.#mend(socket),
    };
  }

  #tellRoom(): void {
    if (!this.isBlocked) this.#options.onWritable?.();
  }

  /** Errors that came in, such as ICMP's, say nothing about the socket itself: it lives. */
  #mend(socket: LinuxSocket): void {
    const errors = this.#calls.drainErrors(socket.fd);
    this.#options.counters.add('udp-receive-failed', errors);
    socket.errorsUnexplained = errors > 0 ? 0 : socket.errorsUnexplained + 1;
    if (socket.errorsUnexplained < MAX_ERRORS_UNEXPLAINED) {
      socket.watch();
      return;
    }
    this.close(socket.id);
    this.#fail(socket.id, 'EBADF');
  }

  #fail(socketId: SocketId, reason: string): void {
    const failure = { reason };
    this.#failures.set(socketId, failure);
    this.#options.libc.soon(() => {
      if (this.#failures.get(socketId) !== failure) return; // closed or opened again meanwhile
      this.#failures.delete(socketId);
      this.#options.onFailed(socketId, reason);
    });
  }

  #refused(socketId: SocketId, remote: Endpoint, reason: string): void {
    if (this.#refusals.length >= MAX_REFUSALS_TOLD) {
      this.#options.counters.add('udp-refusal-untold');
      return;
    }
    this.#refusals.push({ socketId, remote, reason });
    if (this.#refusals.length > 1) return;
    this.#options.libc.soon(() => {
      const refusals = this.#refusals;
      this.#refusals = [];
      for (const refusal of refusals) {
        this.#options.onSendFailed(refusal.socketId, refusal.remote, refusal.reason);
      }
    });
  }

  /** Without a limit it is sent all the same: it then is a datagram like any other. */
  #hopsOf(ttl: number): number {
    if (Number.isInteger(ttl) && ttl >= 1 && ttl <= MAX_HOPS) return ttl;
    this.#options.counters.add('udp-ttl-refused');
    return 0;
  }

  #copy(memory: Uint8Array, at: number, length: number): number {
    if (!this.#copies.hasRoom(length)) this.flush();
    return this.#copies.put(memory, at, length);
  }
}
