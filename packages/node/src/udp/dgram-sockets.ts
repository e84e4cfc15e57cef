/**
 * UDP on node:dgram: the portable {@link UdpSink}. One datagram per event and per call.
 *
 * Sends are asynchronous inside libuv, so the bytes are copied; addresses are literals, so the lookup
 * answers at once. Refusals by the operating system come back through `onSendFailed`.
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

/** Kernel buffers: enough for a burst of a few milliseconds; the kernel caps what it grants. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** Remembered parses of sender addresses; peers are few, scanners may be many. */
const MAX_KNOWN_SOURCES = 4096;
/** Of Linux and macOS, both families; the system can't be asked through node:dgram. */
const DEFAULT_TTL = 64;

export class DgramSockets {
  readonly #events: DgramEvents;
  readonly #sockets = new Map<SocketId, Socket>();
  readonly #sources = new Map<string, Endpoint>();
  /** Sockets whose next datagram has a limit of its own. */
  readonly #limited = new Set<Socket>();

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
    this.#sockets.set(socketId, socket);
    let opened = false;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (opened) {
        // Of a datagram that came in; sends have their own answer, and the socket lives.
        this.#events.counters.add('udp-receive-failed');
        return;
      }
      if (this.#sockets.get(socketId) !== socket) return; // closed before it was open
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
    const socket = this.#sockets.get(socketId);
    if (socket === undefined) return;
    socket.close();
    this.#sockets.delete(socketId);
    this.#limited.delete(socket);
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
      this.#events.counters.add('udp-no-socket');
      return;
    }
    // A datagram for which the kernel has no room leaves later, and would have the limit of another.
    if (this.#limited.has(socket) || (ttl !== undefined && hasWaiting(socket))) {
      this.#events.counters.add('udp-ttl-held-up');
      return;
    }
    if (ttl !== undefined) this.#limit(socket, ttl);
    const copy = Buffer.allocUnsafe(length);
    copy.set(memory.subarray(at, at + length));
    socket.send(copy, endpointPort(remote), endpointAddress(remote), (error) => {
      if (ttl !== undefined) this.#unlimit(socket);
      if (error === null) return;
      const code = (error as NodeJS.ErrnoException).code ?? error.message;
      this.#events.onSendFailed(socketId, remote, code);
    });
    // Handed to the kernel within the call, unless that had no room.
    if (ttl !== undefined && !hasWaiting(socket)) this.#unlimit(socket);
  }

  closeAll(): void {
    for (const socketId of [...this.#sockets.keys()]) this.close(socketId);
  }

  /** Without a limit it is sent all the same: it then is a datagram like any other. */
  #limit(socket: Socket, ttl: number): void {
    try {
      socket.setTTL(ttl);
      this.#limited.add(socket);
    } catch {
      this.#events.counters.add('udp-ttl-refused');
    }
  }

  #unlimit(socket: Socket): void {
    if (!this.#limited.delete(socket)) return;
    try {
      socket.setTTL(DEFAULT_TTL);
    } catch {
      // Closed meanwhile.
    }
  }

  /** Undefined: nothing could be sent back there, so nobody of ours sends from there. */
  #endpointOf(address: string, port: number): Endpoint | undefined {
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
