/** A node's UDP sockets on its host: the PacketEngine opens them, the host feeds them. */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { SocketId } from '@warren/core/engines/paths';
import { type Endpoint, endpointAddress, familyOf, type IpFamily } from '@warren/core/ip/address';
import type { UdpSink } from '@warren/core/packet-engine/packet-ports';
import type { Host } from '../net/host.js';

/** What systems hand out when any port will do. */
const EPHEMERAL_PORT_MIN = 32_768;
const EPHEMERAL_PORTS = 28_000;
const TRIES = 64;

export interface UdpSocketsOptions {
  readonly host: Host;
  readonly random: SeededRandom;
  readonly onDatagram: (socketId: SocketId, source: Endpoint, bytes: Uint8Array) => void;
  readonly onOpen: (socketId: SocketId, port: number) => void;
  readonly onFailed: (socketId: SocketId, reason: string) => void;
  /** Called outside the send. */
  readonly onSendFailed: (socketId: SocketId, remote: Endpoint, reason: string) => void;
  /** Runs something when the present call has returned. */
  readonly soon: (run: () => void) => void;
}

interface OpenSocket {
  readonly family: IpFamily;
  readonly port: number;
}

export class UdpSockets implements UdpSink {
  readonly #options: UdpSocketsOptions;
  readonly #open = new Map<SocketId, OpenSocket>();

  constructor(options: UdpSocketsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  portOf(family: IpFamily): number | undefined {
    for (const socket of this.#open.values()) if (socket.family === family) return socket.port;
    return undefined;
  }

  open(socketId: SocketId, family: IpFamily, port: number): void {
    const { host, onOpen, onFailed, soon } = this.#options;
    this.close(socketId);
    const hasFamily = family === 4 || host.addresses.some((own) => familyOf(own) === 6);
    const bound = hasFamily ? this.#bind(socketId, family, port) : undefined;
    soon(() => {
      if (!hasFamily) onFailed(socketId, 'EAFNOSUPPORT');
      else if (bound === undefined) onFailed(socketId, 'EADDRINUSE');
      else onOpen(socketId, bound);
    });
  }

  close(socketId: SocketId): void {
    const socket = this.#open.get(socketId);
    if (socket === undefined) return;
    this.#open.delete(socketId);
    this.#options.host.unbind(socket.family, socket.port);
  }

  closeAll(): void {
    for (const socketId of [...this.#open.keys()]) this.close(socketId);
  }

  send(
    socketId: SocketId,
    remote: Endpoint,
    memory: Uint8Array,
    at: number,
    length: number,
    ttl?: number,
  ): void {
    const socket = this.#open.get(socketId);
    if (socket === undefined || familyOf(endpointAddress(remote)) !== socket.family) return;
    const { host, onSendFailed, soon } = this.#options;
    if (host.send(socket.port, remote, memory.slice(at, at + length), { hops: ttl })) return;
    soon(() => onSendFailed(socketId, remote, 'ENETUNREACH'));
  }

  #bind(socketId: SocketId, family: IpFamily, wanted: number): number | undefined {
    const { host, random, onDatagram } = this.#options;
    for (let i = 0; i < TRIES; i++) {
      const port = wanted === 0 ? EPHEMERAL_PORT_MIN + random.below(EPHEMERAL_PORTS) : wanted;
      const isBound = host.bind(family, port, (source, bytes) =>
        onDatagram(socketId, source, bytes),
      );
      if (isBound) {
        this.#open.set(socketId, { family, port });
        return port;
      }
      if (wanted !== 0) return undefined;
    }
    return undefined;
  }
}
