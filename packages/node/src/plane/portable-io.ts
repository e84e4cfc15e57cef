/** TUN packet by packet and UDP by node:dgram: wherever Node runs. */
import { createDatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import { loadLibc } from '../libc/libc.js';
import { PlainTun } from '../tun/plain-tun.js';
import { openTunDevice } from '../tun/tun-device.js';
import { DgramSockets } from '../udp/dgram-sockets.js';
import type { OpenIo, PlaneIo, PlaneTun, UdpEvents } from './plane-io.js';

/** The largest UDP payload: a datagram is copied once into memory that the engine may overwrite. */
const MAX_DATAGRAM_BYTES = 65_536;

/** Everything goes out within the call that sends it, so there is nothing to flush. */
export function portableIo(tun: PlaneTun, events: UdpEvents): PlaneIo {
  const incoming = createDatagramBatch(new Uint8Array(MAX_DATAGRAM_BYTES), 1);
  incoming.offsets[0] = 0;
  incoming.count = 1;
  const sockets = new DgramSockets({
    ...events,
    onDatagram(socketId, source, bytes) {
      incoming.memory.set(bytes, 0);
      incoming.lengths[0] = bytes.length;
      incoming.sources[0] = source;
      events.onBatch(socketId, incoming);
    },
  });
  return {
    tun,
    udp: sockets,
    description: 'portable: one packet a call',
    flush() {},
    wait() {},
    close() {
      sockets.closeAll();
      tun.close();
    },
  };
}

export const openPortableIo: OpenIo = async ({ tunName, mtuBytes }, events) => {
  const libc = await loadLibc();
  const { fd } = openTunDevice(libc, tunName, false);
  return portableIo(new PlainTun(libc, fd, { name: tunName, mtuBytes, ...events }), events);
};
