/**
 * UDP by node:dgram, wherever Node runs. TUN is what the machine has: with the kernel's offload, or packet by packet.
 *
 *     node:dgram -- one by one --> gatherer -- those of a turn --> onBatch --> engine --> TUN
 */
import { createChecksum } from '../checksum/wasm-checksum.js';
import { type Libc, loadLibc } from '../libc/libc.js';
import { OffloadTun } from '../tun/offload-tun.js';
import { PlainTun, type TunOptions } from '../tun/plain-tun.js';
import { openTunDevice, type TunOffload } from '../tun/tun-device.js';
import { DatagramGatherer } from '../udp/datagram-gatherer.js';
import { DgramSockets } from '../udp/dgram-sockets.js';
import { Arena } from './arena.js';
import type { OpenIo, PlaneIo, PlaneTun, UdpEvents } from './plane-io.js';

/** A device without offload: in tests, and where the kernel has none. */
export function portableIo(tun: PlaneTun, events: UdpEvents): PlaneIo {
  const memory = new Uint8Array(DatagramGatherer.memoryBytes);
  const gatherer = new DatagramGatherer(memory, 0, events.onBatch);
  return dgramIo(
    { ...tunOf(tun), gatherer, description: 'portable: TUN packet by packet' },
    events,
  );
}

/** `WARREN_DATA_PLANE=portable`. */
export const openPortableIo: OpenIo = async ({ tunName, mtuBytes }, events) => {
  const libc = await loadLibc();
  const { fd, offload } = openTunDevice(libc, tunName, true);
  const tun = { name: tunName, mtuBytes, ...events };
  if (offload === undefined) return portableIo(new PlainTun(libc, fd, tun), events);
  return joiningIo(libc, { ...tun, fd, offload }, events);
};

/** `WARREN_DATA_PLANE=plain`: what is left where the kernel helps with nothing. */
export const openPlainIo: OpenIo = async ({ tunName, mtuBytes }, events) => {
  const libc = await loadLibc();
  const { fd } = openTunDevice(libc, tunName, false);
  return portableIo(new PlainTun(libc, fd, { name: tunName, mtuBytes, ...events }), events);
};

interface JoiningDevice extends TunOptions {
  readonly fd: number;
  readonly offload: TunOffload;
}

function joiningIo(libc: Libc, device: JoiningDevice, events: UdpEvents): PlaneIo {
  const { memoryBytes } = DatagramGatherer;
  const arenaBytes = OffloadTun.arenaBytes(device.mtuBytes) + memoryBytes + 64;
  const arena = new Arena(arenaBytes, libc.addressOf);
  const tun = new OffloadTun({ ...device, libc, arena, checksum: createChecksum(arena) });
  const gatherer = new DatagramGatherer(arena.bytes, arena.reserve(memoryBytes), events.onBatch);
  const joins = device.offload.udp ? 'TCP and UDP' : 'TCP';
  return dgramIo(
    { tun, flush: () => tun.flush(), gatherer, description: `portable: TUN joins ${joins}` },
    events,
  );
}

interface DgramParts extends Pick<PlaneIo, 'flush' | 'description'> {
  readonly tun: PlaneTun;
  readonly gatherer: DatagramGatherer;
}

/** A device that writes within the call. */
const tunOf = (tun: PlaneTun): Pick<DgramParts, 'tun' | 'flush'> => ({
  tun,
  flush: () => undefined,
});

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
