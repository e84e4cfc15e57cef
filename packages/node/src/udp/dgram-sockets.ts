/**
 * UDP on node:dgram: the portable {@link UdpSink}. One datagram per event and per call.
 *
 * Sends are asynchronous inside libuv, so the bytes are copied, and what waits there is bounded; addresses are literals, so the lookup
 * answers at once. Refusals by the operating system come back through `onSendFailed`; Node tells how a datagram
 * fared in a turn of its own, so only one on its way to a remote is asked after at a time.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Counters } from '@warren/core/base/counters';
import type { SocketId } from '@warren/core/engines/paths';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpFamily,
  parseAddress,
} from '@warren/core/ip/address';
import { isLinkLocal } from '@warren/core/ip/classes';

export interface DgramEvents {
  /** What was dropped here, by reason. */
  readonly counters: Counters;
  readonly onDatagram: (socketId: SocketId, source: Endpoint, bytes: Uint8Array) => void;
  readonly onOpen: (socketId: SocketId, port: number) => void;
  readonly onFailed: (socketId: SocketId, reason: string) => void;
  readonly onSendFailed: (socketId: SocketId, remote: Endpoint, reason: string) => void;
}

/** Kernel buffers: a burst of a few milliseconds at ten Gbit/s, 700 ms of a slow device; the kernel caps what it grants. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** Remembered parses of sender addresses; peers are few, scanners may be many. */
const MAX_KNOWN_SOURCES = 4096;
/** Remembered of a socket; ports of many peers are guessed now and then. */
const MAX_TARGETS = 4096;
/** Of a socket, in memory of ours because the kernel had no room: a burst of a turn or two, above its own buffer. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Of Linux and macOS, both families; the system can't be asked through node:dgram. */
const DEFAULT_TTL = 64;

/** A remote as node:dgram takes it. */
interface Target {
  readonly address: string;
  readonly port: number;
  /** What becomes of a datagram on its way is yet to be told. */
  isAsking: boolean;
  readonly onAnswer: (error: Error | null) => void;
}

interface OpenSocket {
  readonly socket: Socket;
  readonly targets: Map<Endpoint, Target>;
  /** The next datagram has a limit of its own. */
  isLimited: boolean;
}

export class DgramSockets {
  readonly #events: DgramEvents;
  readonly #sockets = new Map<SocketId, OpenSocket>();
  readonly #sources = new Map<string, Endpoint>();
  /** Of the datagram before: nearly always of this one too. */
  #lastSource:
    | { readonly address: string; readonly port: number; readonly of: Endpoint }
    | undefined;
  /** What was sent from last, as a Buffer. */
  #sent: Buffer = Buffer.alloc(0);
  #sentMemory: Uint8Array = this.#sent;

  constructor(events: DgramEvents) {
    this.#events = events;
  }

  open(socketId: SocketId, family: IpFamily, port: number): void {
    this.close(socketId);
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Every address is a literal of the socket's family: nothing to look up.
      lookup: (host, _options, callback) => callback(null, host, family),
    });
    this.#sockets.set(socketId, { socket, targets: new Map(), isLimited: false });
    let opened = false;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (opened) {
        // Of a datagram that came in; sends have their own answer, and the socket lives.
        this.#events.counters.add('udp-receive-failed');
        return;
      }
      if (this.#sockets.get(socketId)?.socket !== socket) return; // closed before it was open
      this.close(socketId);
      this.#events.onFailed(socketId, error.code ?? error.message);
    });
    socket.on('message', (bytes, remote) => {
      const source = this.#endpointOf(remote.address, remote.port);
      if (source !== undefined) this.#events.onDatagram(socketId, source, bytes);
    });
    socket.bind({ port, exclusive: true }, () => {
      opened = true;
      growBuffers(socket);
      this.#events.onOpen(socketId, socket.address().port);
    });
  }

  close(socketId: SocketId): void {
    this.#sockets.get(socketId)?.socket.close();
    this.#sockets.delete(socketId);
  }

  send(
    socketId: SocketId,
    remote: Endpoint,
    memory: Uint8Array,
    at: number,
    length: number,
    ttl?: number,
  ): void {
    const open = this.#sockets.get(socketId);
    if (open === undefined) {
      this.#events.counters.add('udp-no-socket');
      return;
    }
    const { socket } = open;
    if (socket.getSendQueueSize() > MAX_WAITING_BYTES) {
      this.#events.counters.add('udp-send-queue-full');
      return;
    }
    // A datagram for which the kernel has no room leaves later, and would have the limit of another.
    if (open.isLimited || (ttl !== undefined && hasWaiting(socket))) {
      this.#events.counters.add('udp-ttl-held-up');
      return;
    }
    const target = this.#targetOf(open, socketId, remote);
    const { address, port } = target;
    const copy = this.#copy(memory, at, length);
    if (ttl !== undefined) {
      this.#limit(open, ttl);
      socket.send(copy, port, address, (error) => {
        this.#unlimit(open);
        target.onAnswer(error);
      });
      // Handed to the kernel within the call, unless that had no room.
      if (!hasWaiting(socket)) this.#unlimit(open);
    } else if (target.isAsking) {
      socket.send(copy, port, address);
    } else {
      target.isAsking = true;
      socket.send(copy, port, address, target.onAnswer);
    }
  }

  closeAll(): void {
    for (const socketId of [...this.#sockets.keys()]) this.close(socketId);
  }

  #targetOf(open: OpenSocket, socketId: SocketId, remote: Endpoint): Target {
    const { targets } = open;
    const known = targets.get(remote);
    if (known !== undefined) return known;
    if (targets.size >= MAX_TARGETS) targets.clear();
    const target: Target = {
      address: endpointAddress(remote),
      port: endpointPort(remote),
      isAsking: false,
      onAnswer: (error) => {
        target.isAsking = false;
        if (error === null) return;
        const code = (error as NodeJS.ErrnoException).code ?? error.message;
        this.#events.onSendFailed(socketId, remote, code);
      },
    };
    targets.set(remote, target);
    return target;
  }

  #copy(memory: Uint8Array, at: number, length: number): Buffer {
    if (memory !== this.#sentMemory) {
      this.#sent = Buffer.from(memory.buffer, memory.byteOffset, memory.length);
      this.#sentMemory = memory;
    }
    const copy = Buffer.allocUnsafe(length);
    this.#sent.copy(copy, 0, at, at + length);
    return copy;
  }

  /** Without a limit it is sent all the same: it then is a datagram like any other. */
  #limit(open: OpenSocket, ttl: number): void {
    try {
      open.socket.setTTL(ttl);
      open.isLimited = true;
    } catch {
      this.#events.counters.add('udp-ttl-refused');
    }
  }

  #unlimit(open: OpenSocket): void {
    if (!open.isLimited) return;
    open.isLimited = false;
    try {
      open.socket.setTTL(DEFAULT_TTL);
    } catch {
      // Closed meanwhile.
    }
  }

  /** Undefined: nothing could be sent back there, so nobody of ours sends from there. */
  #endpointOf(address: string, port: number): Endpoint | undefined {
    const last = this.#lastSource;
    if (last !== undefined && last.port === port && last.address === address) return last.of;
    const key = `${address}|${port}`;
    let known = this.#sources.get(key);
    if (known === undefined) {
      // fe80::1%eth0 needs its zone, which is not part of an endpoint; no node tells peers such an address.
      const parsed = parseAddress(address.replace(/%.*$/, ''));
      if (parsed === undefined || (familyOf(parsed) === 6 && isLinkLocal(parsed))) {
        this.#events.counters.add('udp-source-zoned');
        return undefined;
      }
      known = endpoint(parsed, port);
      if (this.#sources.size >= MAX_KNOWN_SOURCES) this.#sources.clear();
      this.#sources.set(key, known);
    }
    this.#lastSource = { address, port, of: known };
    return known;
  }
}

function hasWaiting(socket: Socket): boolean {
  return socket.getSendQueueCount() > 0;
}

function growBuffers(socket: Socket): void {
  for (const grow of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
    try {
      socket[grow](SOCKET_BUFFER_BYTES);
    } catch {
      // The kernel's default will do.
    }
  }
}
