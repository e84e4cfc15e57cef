/**
 * The data plane of a node: the PacketEngine between TUN and UDP, and the mailbox to the PathEngine, which
 * delivers after a delay as between two threads.
 */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import { createDatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import { PacketEngine } from '@warren/core/packet-engine/packet-engine';
import {
  HEADROOM_BYTES,
  type PacketBatch,
  TAILROOM_BYTES,
} from '@warren/core/packet-engine/packet-ports';
import type { Crypto } from '@warren/core/ports';
import { MachineTimer } from '../clock/machine-timer.js';
import type { SimClock } from '../clock/sim-clock.js';
import type { Host } from '../net/host.js';
import { UdpSockets } from './udp-sockets.js';

const DATAGRAM_BYTES_MAX = 65_536;
/** Large enough for every packet that a world's traffic makes. */
const TUN_MTU_BYTES = 1280;

export interface PlaneOptions {
  readonly clock: SimClock;
  readonly host: Host;
  readonly crypto: Crypto;
  readonly random: SeededRandom;
  /** One way through the mailbox between the engines. */
  readonly threadMs: number;
  /** Outlives the call: packets that the node delivers to its operating system. */
  readonly onPacket: (packet: Uint8Array) => void;
  readonly onUp: (message: UpMessage) => void;
  /** Sees what the PathEngine decides, when it takes effect. */
  readonly onDown: (message: DownMessage) => void;
}

export class Plane {
  readonly engine: PacketEngine;
  readonly sockets: UdpSockets;
  readonly #options: PlaneOptions;
  readonly #timer: MachineTimer;
  readonly #incoming = createDatagramBatch(new Uint8Array(DATAGRAM_BYTES_MAX), 1);
  #closed = false;

  constructor(options: PlaneOptions) {
    const { clock, host, crypto, random } = options;
    this.#options = options;
    this.sockets = new UdpSockets({
      host,
      random: random.fork(),
      onDatagram: (socketId, source, bytes) => this.#receive(socketId, source, bytes),
      onOpen: (socketId, port) => this.engine.socketOpened(socketId, port),
      onFailed: (socketId, reason) => this.engine.socketFailed(socketId, reason),
      onSendFailed: (socketId, remote, reason) =>
        this.engine.sendFailed(socketId, remote, reason, clock.now),
      soon: (run) => clock.later(0, () => this.#closed || run()),
    });
    this.engine = new PacketEngine({
      crypto,
      random,
      wallClock: () => clock.wall,
      tun: {
        write: (memory, at, length) => options.onPacket(memory.slice(at, at + length)),
      },
      udp: this.sockets,
      up: { send: (message) => this.#up(message) },
      mtuBytes: TUN_MTU_BYTES,
    });
    this.#timer = new MachineTimer(this.engine, clock, () => {
      this.engine.handleTimeout(clock.now);
      this.#timer.rearm();
    });
  }

  /** A message of the PathEngine sets out. */
  send(message: DownMessage): void {
    this.#later(() => {
      this.#options.onDown(message);
      this.engine.handle(message, this.#options.clock.now);
      this.#timer.rearm();
    });
  }

  /** The operating system sends an IP packet into the tunnel. */
  transmit(packet: Uint8Array): void {
    if (this.#closed) return;
    this.engine.handleTunBatch(tunBatch(packet), this.#options.clock.now);
    this.#timer.rearm();
  }

  /** The thread ends; so do its sockets. */
  close(): void {
    this.#closed = true;
    this.#timer.close();
    this.sockets.closeAll();
  }

  #receive(socketId: SocketId, source: Endpoint, bytes: Uint8Array): void {
    const batch = this.#incoming;
    batch.memory.set(bytes, 0);
    batch.offsets[0] = 0;
    batch.lengths[0] = bytes.length;
    batch.sources[0] = source;
    batch.count = 1;
    this.engine.handleUdpBatch(socketId, batch, this.#options.clock.now);
    this.#timer.rearm();
  }

  #up(message: UpMessage): void {
    this.#later(() => this.#options.onUp(message));
  }

  #later(run: () => void): void {
    this.#options.clock.later(this.#options.threadMs, () => {
      if (!this.#closed) run();
    });
  }
}

/** One packet with the room around it that the engine seals in. */
function tunBatch(packet: Uint8Array): PacketBatch {
  const memory = new Uint8Array(HEADROOM_BYTES + packet.length + TAILROOM_BYTES);
  memory.set(packet, HEADROOM_BYTES);
  return {
    memory,
    offsets: Uint32Array.of(HEADROOM_BYTES),
    lengths: Uint32Array.of(packet.length),
    count: 1,
  };
}
