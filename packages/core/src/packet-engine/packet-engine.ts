/**
 * The engine of packets: TUN, UDP sockets and all of WireGuard, driven by the shell and told by the
 * PathEngine where packets go (`engines/messages.ts`).
 *
 *      TUN --handleTunBatch--> Outbound, filter --> Peer.send --> Transmitter --> UDP, relay-send
 *      TUN <---------- filter, Inbound <-- Keypair.openInto <--- handleUdpBatch, relay-received
 *
 * Everything is synchronous, works on the caller's memory and is bounded by `limits.ts` and by WireGuard's
 * own bounds. The shell calls `handleTimeout` at `nextTimeout` and passes on what sockets report.
 */
import { assert } from '../base/assert.js';
import { Counters } from '../base/counters.js';
import type { Instant, WallTime } from '../base/instant.js';
import type { DownMessage } from '../engines/messages.js';
import type { SocketId } from '../engines/paths.js';
import { PacketFilter } from '../filter/packet-filter.js';
import type { Endpoint } from '../ip/address.js';
import type { Crypto, Random } from '../ports.js';
import { ViaTranslator } from '../via/via-translator.js';
import { Device } from '../wireguard/device.js';
import type { DatagramBatch } from './datagram-batch.js';
import { Inbound } from './inbound.js';
import { MAX_PATHS } from './limits.js';
import { Outbound } from './outbound.js';
import type { PacketBatch, TunSink, UdpSink, UpSink } from './packet-ports.js';
import { type PeerEntry, PeerTable } from './peer-table.js';
import { Transmitter } from './transmitter.js';
import { UpReporter } from './up-reporter.js';

export interface PacketEngineOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  /** Read once per handshake that we begin (TAI64N). */
  readonly wallClock: () => WallTime;
  readonly tun: TunSink;
  readonly udp: UdpSink;
  readonly up: UpSink;
  /** MTU of the TUN device; bounds WireGuard's padding. */
  readonly mtuBytes?: number;
}

export class PacketEngine {
  readonly #udp: UdpSink;
  readonly #up: UpSink;
  readonly #counters = new Counters();
  readonly #reporter: UpReporter;
  readonly #transmitter: Transmitter;
  readonly #device: Device<PeerEntry>;
  readonly #peers: PeerTable;
  readonly #filter: PacketFilter;
  readonly #via: ViaTranslator;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;

  constructor(options: PacketEngineOptions) {
    const counters = this.#counters;
    this.#udp = options.udp;
    this.#up = options.up;
    this.#reporter = new UpReporter(options.up, counters);
    this.#transmitter = new Transmitter(options.udp, options.up, counters);
    this.#device = new Device({ ...options, counters });
    this.#peers = new PeerTable(this.#device, this.#transmitter, this.#reporter, counters);
    this.#filter = new PacketFilter(counters);
    this.#via = new ViaTranslator(counters);
    this.#inbound = new Inbound(
      this.#device,
      this.#peers,
      this.#filter,
      this.#via,
      options.tun,
      this.#transmitter,
      this.#reporter,
      counters,
    );
    this.#outbound = new Outbound(this.#peers, this.#filter, this.#via, counters);
  }

  /** One message of the PathEngine. */
  handle(message: DownMessage, now: Instant): void {
    this.#dispatch(message, now);
    this.#transmitter.flush();
  }

  /** IP packets that the operating system sends into the tunnel. */
  handleTunBatch(batch: PacketBatch, now: Instant): void {
    this.#outbound.handleBatch(batch, now);
    this.#transmitter.flush();
  }

  /** Datagrams that came in on one socket. */
  handleUdpBatch(socketId: SocketId, batch: DatagramBatch, now: Instant): void {
    this.#inbound.handleDatagrams(socketId, batch, now);
    this.#transmitter.flush();
  }

  /** A socket that `UdpSink.open` was asked for is bound. */
  socketOpened(socketId: SocketId, port: number): void {
    this.#up.send({ type: 'socket-open', socketId, port });
  }

  /** A socket could not be opened, or broke; `reason` is the system's code, such as EADDRINUSE. */
  socketFailed(socketId: SocketId, reason: string): void {
    this.#up.send({ type: 'socket-failed', socketId, reason });
  }

  /** The system refused a send. Sinks report it after their call has returned, never from within. */
  sendFailed(socketId: SocketId, remote: Endpoint, reason: string, now: Instant): void {
    this.#reporter.sendFailed(socketId, remote, reason, now);
  }

  /** Fires due timers. */
  handleTimeout(now: Instant): void {
    this.#device.handleTimeout(now);
    this.#transmitter.flush();
  }

  /** When to call {@link handleTimeout}; it may come in vain. Ask again after everything else. */
  nextTimeout(): Instant | undefined {
    return this.#device.nextTimeout();
  }

  #dispatch(message: DownMessage, now: Instant): void {
    switch (message.type) {
      case 'set-identity':
        this.#device.setIdentity(message.privateKey, now);
        break;
      case 'set-filter':
        this.#filter.set(message.rules, message.localAddresses);
        this.#via.setNetworks(message.localAddresses);
        break;
      case 'set-peer':
        this.#peers.set(message.peer, message, now);
        break;
      case 'remove-peer':
        this.#peers.remove(message.peer);
        break;
      case 'peer-restarted':
        this.#device.peer(message.peer)?.restarted(now);
        break;
      case 'set-paths': {
        assert(message.paths.length <= MAX_PATHS, 'a peer has few paths at a time');
        const peer = this.#device.peer(message.peer);
        if (peer === undefined) this.#counters.add('paths-for-unknown-peer');
        else peer.pathsChanged(now, peer.host.setPaths(message.paths));
        break;
      }
      case 'open-socket':
        this.#udp.open(message.socketId, message.family, message.port);
        break;
      case 'close-socket':
        this.#udp.close(message.socketId);
        break;
      case 'send': {
        const { socketId, remote, bytes, ttl } = message;
        this.#reporter.asked(remote, now);
        this.#udp.send(socketId, remote, bytes, 0, bytes.length, ttl);
        break;
      }
      case 'relay-received':
        this.#inbound.handleRelayed(message.packets, now);
        break;
      case 'report-counters':
        this.#reportCounters();
        break;
    }
  }

  #reportCounters(): void {
    const peers = [];
    for (const { key, host, lastHandshakeAt } of this.#device.peers()) {
      peers.push({ peer: key, rxBytes: host.rxBytes, txBytes: host.txBytes, lastHandshakeAt });
    }
    this.#up.send({ type: 'counters', peers, totals: this.#counters.snapshot() });
  }
}
