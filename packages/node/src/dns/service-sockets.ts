/**
 * The resolver's ears: UDP and TCP port 53 of the service addresses, which stand on the tunnel's device (why:
 * docs/adr/0007). Opened when the addresses are there, tried again while they are not or while another program
 * has the port.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { DNS_PORT } from '@warren/core/dns/upstream';
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import { FrameReader, frameMessage } from './tcp-frames.js';

/** The device gets its addresses within milliseconds, another program may take its time. */
const RETRY_MS = 500;
/** A machine's own programs; each of them has a connection or two. */
const CONNECTIONS_MAX = 128;
/** RFC 7766 section 6.2.3: seconds. */
const IDLE_MS = 10_000;
/** Queries of one connection under way. */
const PIPELINED_MAX = 32;

export interface ServiceEvents {
  /** `reply` is called at most once, maybe never. */
  readonly onQuery: (
    transport: 'udp' | 'tcp',
    bytes: Uint8Array,
    reply: (answer: Uint8Array | undefined) => void,
  ) => void;
  /** False: not one who may ask. */
  readonly mayAsk: (address: string) => boolean;
  readonly onDropped: (reason: string) => void;
  /** What is wrong with an address; undefined: it answers. */
  readonly onState: (address: IpAddress, problem: string | undefined) => void;
}

/** One address, both transports. */
class Ear {
  readonly #address: IpAddress;
  readonly #port: number;
  readonly #events: ServiceEvents;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  #retry: NodeJS.Timeout | undefined;
  readonly #connections = new Set<Socket>();
  readonly #problems = new Map<'udp' | 'tcp', string>();
  #closed = false;

  constructor(address: IpAddress, port: number, events: ServiceEvents) {
    this.#address = address;
    this.#port = port;
    this.#events = events;
    this.#open();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#udp?.close();
    this.#tcp?.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #open(): void {
    if (this.#udp === undefined) this.#openUdp();
    if (this.#tcp === undefined) this.#openTcp();
  }

  #openUdp(): void {
    const isV6 = familyOf(this.#address) === 6;
    // Beside one that listens on every address; the more exact one gets the packets.
    const socket = createSocket({
      type: isV6 ? 'udp6' : 'udp4',
      reuseAddr: true,
      ...(isV6 ? { ipv6Only: true } : {}),
    });
    this.#udp = socket;
    socket.on('error', (error) => {
      if (this.#udp === socket) this.#udp = undefined;
      socket.close();
      this.#failed('udp', error);
    });
    socket.on('message', (message, remote) => {
      if (!this.#events.mayAsk(remote.address)) {
        this.#events.onDropped('dns-stranger');
        return;
      }
      this.#events.onQuery('udp', new Uint8Array(message), (answer) => {
        if (answer === undefined || this.#udp !== socket || this.#closed) return;
        // Who left before the answer is told by an error that is of no interest.
        socket.send(answer, remote.port, remote.address, () => undefined);
      });
    });
    socket.bind({ address: this.#address, port: this.#port }, () => this.#opened('udp'));
  }

  #openTcp(): void {
    const server = createServer({ noDelay: true }, (connection) => this.#accept(connection));
    server.maxConnections = CONNECTIONS_MAX;
    this.#tcp = server;
    server.on('error', (error) => {
      if (this.#tcp === server) this.#tcp = undefined;
      server.close();
      this.#failed('tcp', error);
    });
    const at = { host: this.#address, port: this.#port, ipv6Only: true };
    server.listen(at, () => this.#opened('tcp'));
  }

  #accept(connection: Socket): void {
    connection.on('error', () => connection.destroy());
    if (!this.#events.mayAsk(connection.remoteAddress ?? '')) {
      this.#events.onDropped('dns-stranger');
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.setTimeout(IDLE_MS, () => connection.destroy());
    const frames = new FrameReader();
    let pending = 0;
    connection.on('data', (chunk: Buffer) => {
      for (const message of frames.push(chunk)) {
        if (pending >= PIPELINED_MAX) {
          this.#events.onDropped('dns-pipelined-over-limit');
          connection.destroy();
          return;
        }
        pending++;
        this.#events.onQuery('tcp', message, (answer) => {
          pending--;
          if (answer !== undefined && connection.writable) connection.write(frameMessage(answer));
        });
      }
    });
  }

  #opened(transport: 'udp' | 'tcp'): void {
    this.#problems.delete(transport);
    this.#tell();
  }

  #failed(transport: 'udp' | 'tcp', error: Error): void {
    if (this.#closed) return;
    this.#problems.set(transport, `${transport.toUpperCase()}: ${error.message}`);
    this.#tell();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), RETRY_MS);
  }

  #tell(): void {
    const problems = [...this.#problems.values()];
    this.#events.onState(this.#address, problems.length === 0 ? undefined : problems.join('; '));
  }
}

/** All addresses together. */
export class ServiceSockets {
  readonly #events: ServiceEvents;
  readonly #port: number;
  readonly #ears = new Map<IpAddress, Ear>();

  constructor(events: ServiceEvents, port = DNS_PORT) {
    this.#events = events;
    this.#port = port;
  }

  /** Exactly these; those that are open stay open. */
  want(addresses: readonly IpAddress[]): void {
    for (const [address, ear] of this.#ears) {
      if (addresses.includes(address)) continue;
      ear.close();
      this.#ears.delete(address);
    }
    for (const address of addresses) {
      if (!this.#ears.has(address)) {
        this.#ears.set(address, new Ear(address, this.#port, this.#events));
      }
    }
  }
}
