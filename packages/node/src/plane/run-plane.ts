/**
 * The data plane inside its thread: the PacketEngine between the TUN device and UDP sockets
 * (plane-io.ts), and the mailbox to the main thread.
 *
 * Whatever happens here is synchronous within one event. After each, what the engine wrote and sent is flushed, and
 * its one timer is armed.
 */
import type { MessagePort } from 'node:worker_threads';
import { Counters } from '@warren/core/base/counters';
import { wallTime } from '@warren/core/base/instant';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import { PacketEngine } from '@warren/core/packet-engine/packet-engine';
import type { Crypto } from '@warren/core/ports';
import { systemClock } from '@warren/shell/clock';
import { MachineTimer } from '@warren/shell/machine-timer';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { Backlog, workOff } from './backlog.js';
import { HandshakeClock } from './handshake-clock.js';
import { MessageBatch } from './message-batch.js';
import type { OpenIo } from './plane-io.js';
import type { FromPlane, PlaneWorkerData, ToPlane } from './plane-messages.js';

/** What it is made of, besides what `data` says. */
export interface PlaneParts {
  readonly openIo: OpenIo;
  readonly crypto: Crypto;
  /** Of the cipher in `crypto` that packets go through, for the log. */
  readonly cipherName: string;
}

/** Runs until `stop` comes, and closes `port` then. Rejects when the device can't be opened. */
export async function runPlane(
  port: MessagePort,
  data: PlaneWorkerData,
  { openIo, crypto, cipherName }: PlaneParts,
): Promise<void> {
  const clock = systemClock;
  const counters = new Counters();
  const upBacklog = new Backlog(data.upBacklog, counters, 'relay-send-mailbox-full');
  const post = (message: FromPlane): void => port.postMessage(message);
  const ups = new MessageBatch<UpMessage>((messages) => post({ type: 'up', messages }));
  const handshakeClock = new HandshakeClock(clock, data.handshakeFloor ?? wallTime(0));

  const io = await openIo(data, {
    counters,
    onPackets: (batch) => {
      engine.handleTunBatch(batch, clock.now());
      settle();
    },
    onGone: ({ code, message, hint }) => post({ type: 'failed', code, message, hint }),
    onBatch: (socketId, batch) => {
      engine.handleUdpBatch(socketId, batch, clock.now());
      settle();
    },
    onOpen: (socketId, udpPort) => engine.socketOpened(socketId, udpPort),
    onFailed: (socketId, reason) => engine.socketFailed(socketId, reason),
    onSendFailed: (socketId, remote, reason) =>
      engine.sendFailed(socketId, remote, reason, clock.now()),
  });
  const engine = new PacketEngine({
    crypto,
    random: createNodeRandom(),
    wallClock: () => {
      const time = handshakeClock.read();
      post({ type: 'handshake-time', time });
      return time;
    },
    tun: io.tun,
    udp: io.udp,
    up: { send: tell },
    mtuBytes: data.mtuBytes,
  });
  const timer = new MachineTimer(engine, clock, (now) => {
    engine.handleTimeout(now);
    io.flush();
  });

  io.wait({
    nextTimerMs: () => (engine.nextTimeout() ?? Number.POSITIVE_INFINITY) - clock.now(),
    onHandled: () => ups.flush(),
  });

  /** What the engine did takes effect. */
  function settle(): void {
    io.flush();
    timer.rearm();
  }

  function tell(message: UpMessage): void {
    if (message.type === 'relay-send') {
      const packets = upBacklog.admit(message.packets);
      if (packets.length > 0) ups.add({ ...message, packets });
      return;
    }
    if (message.type === 'counters') {
      const totals = { ...message.totals, ...counters.snapshot() };
      ups.add({ ...message, totals });
      return;
    }
    ups.add(message);
  }

  function obey(messages: readonly DownMessage[]): void {
    for (const message of messages) {
      engine.handle(message, clock.now());
      // Datagrams to different remotes leave in their order: NATs count them, and ports are foretold by that.
      io.flush();
      if (message.type === 'relay-received') workOff(data.downBacklog, message.packets.length);
    }
    settle();
  }

  port.on('message', (message: ToPlane) => {
    if (message.type === 'down') {
      obey(message.messages);
      return;
    }
    timer.close();
    io.close();
    port.close();
  });
  post({ type: 'started', description: `${io.description}; cipher ${cipherName}` });
}
