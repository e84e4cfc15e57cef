/**
 * The worker thread of the data plane: the PacketEngine between the TUN device and UDP sockets.
 *
 * Whatever happens here is synchronous within one event; the engine's one timer is armed after each.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@warren/core/base/assert';
import { WarrenError } from '@warren/core/base/errors';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import { createDatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import { PacketEngine } from '@warren/core/packet-engine/packet-engine';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { MachineTimer } from '@warren/shell/machine-timer';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { LinuxTun } from '../tun/linux-tun.js';
import { DgramSockets } from '../udp/dgram-sockets.js';
import type { FromPlane, PlaneWorkerData, ToPlane } from './plane-messages.js';

/** The largest UDP payload: a datagram is copied once into memory that the engine may overwrite. */
const MAX_DATAGRAM_BYTES = 65_536;

assert(parentPort !== null, 'the data plane runs in a worker');
const port = parentPort;
const post = (message: FromPlane): void => port.postMessage(message);

try {
  await run(workerData as PlaneWorkerData);
} catch (error) {
  if (!(error instanceof WarrenError)) throw error;
  post({ type: 'failed', code: error.code, message: error.message, hint: error.hint });
  port.close();
}

async function run(data: PlaneWorkerData): Promise<void> {
  const clock = systemClock;
  const incoming = createDatagramBatch(new Uint8Array(MAX_DATAGRAM_BYTES), 1);
  const tun = await LinuxTun.open({
    name: data.tunName,
    mtuBytes: data.mtuBytes,
    onPackets: (batch) => {
      engine.handleTunBatch(batch, clock.now());
      timer.rearm();
    },
  });
  const sockets = new DgramSockets({
    onDatagram: (socketId, source, bytes) => receive(socketId, source, bytes),
    onOpen: (socketId, udpPort) => engine.socketOpened(socketId, udpPort),
    onFailed: (socketId, reason) => engine.socketFailed(socketId, reason),
    onSendFailed: (socketId, remote, reason) =>
      engine.sendFailed(socketId, remote, reason, clock.now()),
  });
  const engine = new PacketEngine({
    crypto: createNodeCrypto(),
    random: createNodeRandom(),
    wallClock: () => clock.wall(),
    tun,
    udp: sockets,
    up: { send: (message) => post({ type: 'up', message }) },
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

  port.on('message', (message: ToPlane) => {
    if (message.type === 'down') {
      engine.handle(message.message, clock.now());
      timer.rearm();
      return;
    }
    timer.close();
    sockets.closeAll();
    tun.close();
    port.close();
  });
  post({ type: 'started' });
}
