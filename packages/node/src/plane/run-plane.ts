/**
 * The data plane inside its thread: the PacketEngine between the TUN device and UDP sockets, and the mailbox
 * to the main thread.
 *
 * Whatever happens here is synchronous within one event; the engine's one timer is armed after each.
 */
import type { MessagePort } from 'node:worker_threads';
import { Counters } from '@warren/core/base/counters';
import type { WarrenError } from '@warren/core/base/errors';
import { wallTime } from '@warren/core/base/instant';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import { createDatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import { PacketEngine } from '@warren/core/packet-engine/packet-engine';
import type { PacketBatch, TunSink } from '@warren/core/packet-engine/packet-ports';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { MachineTimer } from '@warren/shell/machine-timer';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { DgramSockets } from '../udp/dgram-sockets.js';
import { Backlog, workOff } from './backlog.js';
import { HandshakeClock } from './handshake-clock.js';
import type { FromPlane, PlaneWorkerData, ToPlane } from './plane-messages.js';

/** The largest UDP payload: a datagram is copied once into memory that the engine may overwrite. */
const MAX_DATAGRAM_BYTES = 65_536;

/** The device of this machine, or a test's. */
export interface PlaneTun extends TunSink {
  close(): void;
}

export interface TunEvents {
  /** What the device counts: packets that the kernel refused. */
  readonly counters: Counters;
  /** Packets to send; the batch is reused after the call returns. */
  readonly onPackets: (batch: PacketBatch) => void;
  /** The device is no more: it was deleted, or its descriptor broke. */
  readonly onGone: (error: WarrenError) => void;
}

export type OpenTun = (data: PlaneWorkerData, events: TunEvents) => Promise<PlaneTun>;

/** Runs until `stop` comes, and closes `port` then. Rejects when the device can't be opened. */
export async function runPlane(
  port: MessagePort,
  data: PlaneWorkerData,
  openTun: OpenTun,
): Promise<void> {
  const clock = systemClock;
  const counters = new Counters();
  const upBacklog = new Backlog(data.upBacklog, counters, 'relay-send-mailbox-full');
  const post = (message: FromPlane): void => port.postMessage(message);
  const handshakeClock = new HandshakeClock(clock, data.handshakeFloor ?? wallTime(0));
  const incoming = createDatagramBatch(new Uint8Array(MAX_DATAGRAM_BYTES), 1);

  const tun = await openTun(data, {
    counters,
    onPackets: (batch) => {
      engine.handleTunBatch(batch, clock.now());
      timer.rearm();
    },
    onGone: ({ code, message, hint }) => post({ type: 'failed', code, message, hint }),
  });
  const sockets = new DgramSockets({
    counters,
    onDatagram: receive,
    onOpen: (socketId, udpPort) => engine.socketOpened(socketId, udpPort),
    onFailed: (socketId, reason) => engine.socketFailed(socketId, reason),
    onSendFailed: (socketId, remote, reason) =>
      engine.sendFailed(socketId, remote, reason, clock.now()),
  });
  const engine = new PacketEngine({
    crypto: createNodeCrypto(),
    random: createNodeRandom(),
    wallClock: () => {
      const time = handshakeClock.read();
      post({ type: 'handshake-time', time });
      return time;
    },
    tun,
    udp: sockets,
    up: { send: tell },
    mtuBytes: data.mtuBytes,
  });
  const timer = new MachineTimer(engine, clock, (now) => engine.handleTimeout(now));

  function receive(socketId: SocketId, source: Endpoint, bytes: Uint8Array): void {
    incoming.memory.set(bytes, 0);
    incoming.offsets[0] = 0;
    incoming.lengths[0] = bytes.length;
    incoming.sources[0] = source;
    incoming.count = 1;
    engine.handleUdpBatch(socketId, incoming, clock.now());
    timer.rearm();
  }

  function tell(message: UpMessage): void {
    if (message.type === 'relay-send' && !upBacklog.offer(message.packets.length)) return;
    if (message.type === 'counters') {
      const totals = { ...message.totals, ...counters.snapshot() };
      post({ type: 'up', message: { ...message, totals } });
      return;
    }
    post({ type: 'up', message });
  }

  function obey(message: DownMessage): void {
    engine.handle(message, clock.now());
    timer.rearm();
    if (message.type === 'relay-received') workOff(data.downBacklog, message.packets.length);
  }

  port.on('message', (message: ToPlane) => {
    if (message.type === 'down') {
      obey(message.message);
      return;
    }
    timer.close();
    sockets.closeAll();
    tun.close();
    port.close();
  });
  post({ type: 'started' });
}
