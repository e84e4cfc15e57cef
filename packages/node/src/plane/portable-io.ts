/**
 * UDP by node:dgram. TUN is what the machine has, by system calls as ever: with the kernel's offload, or packet by packet.
 *
 *     node:dgram -- one by one --> gatherer -- those of a turn --> onBatch --> engine --> TUN
 */
import { type Libc, loadLibc } from '../libc/libc.js';
import { PlainTun } from '../tun/plain-tun.js';
import { openTunDevice } from '../tun/tun-device.js';
import { DatagramGatherer } from '../udp/datagram-gatherer.js';
import { DgramSockets } from '../udp/dgram-sockets.js';
import { describeOffload, type OffloadDevice, offloadDevice } from './offload-device.js';
import type { OpenIo, PlaneIo, PlaneTun, UdpEvents } from './plane-io.js';

/** What the gatherer's part of the arena may lose to its alignment. */
const ARENA_ALIGNMENT_BYTES = 64;

/** A device without offload: in tests, and where the kernel has none. */
export function portableIo(tun: PlaneTun, events: UdpEvents): PlaneIo {
  const memory = new Uint8Array(DatagramGatherer.memoryBytes);
  const gatherer = new DatagramGatherer(memory, 0, events.onBatch);
  const description = 'portable: TUN packet by packet';
  // The device writes within the call.
  return dgramIo({ tun, flush: () => undefined, gatherer, description }, events);
}

/** `WARREN_DATA_PLANE=portable`. */
export const openPortableIo: OpenIo = opener(true);

/** `WARREN_DATA_PLANE=plain`: what is left where the kernel helps with nothing. */
export const openPlainIo: OpenIo = opener(false);

function opener(wantsOffload: boolean): OpenIo {
  return async ({ tunName, mtuBytes }, events) => {
    const libc = await loadLibc();
    const { fd, offload } = openTunDevice(libc, tunName, wantsOffload);
    const tun = { name: tunName, mtuBytes, ...events };
    return offload === undefined
      ? portableIo(new PlainTun(libc, fd, tun), events)
      : joiningIo(libc, { ...tun, fd, offload }, events);
  };
}

function joiningIo(libc: Libc, device: OffloadDevice, events: UdpEvents): PlaneIo {
  const { memoryBytes } = DatagramGatherer;
  const { arena, tun } = offloadDevice(libc, device, memoryBytes + ARENA_ALIGNMENT_BYTES);
  const gatherer = new DatagramGatherer(arena.bytes, arena.reserve(memoryBytes), events.onBatch);
  const description = `portable: ${describeOffload(device.offload)}`;
  return dgramIo({ tun, flush: () => tun.flush(), gatherer, description }, events);
}

interface DgramParts extends Pick<PlaneIo, 'flush' | 'description'> {
  readonly tun: PlaneTun;
  readonly gatherer: DatagramGatherer;
}

function dgramIo({ tun, flush, gatherer, description }: DgramParts, events: UdpEvents): PlaneIo {
  const sockets = new DgramSockets({
    ...events,
    onDatagram: (socketId, source, bytes) => gatherer.add(socketId, source, bytes),
  });
  return {
    tun,
    udp: sockets,
    description: `${description}, one datagram a call`,
    flush,
    wait() {},
    close() {
      gatherer.close();
      sockets.closeAll();
      tun.close();
    },
  };
}
