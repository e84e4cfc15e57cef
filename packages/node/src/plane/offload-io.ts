/**
 * TUN and UDP on Linux system calls with the kernel's offload, everything in one arena.
 *
 * While the kernel has no room for what we send, TUN is read on: its own queue of 500 packets knows no peers and
 * drops those of all, while the short queue of the sockets has shares by peer (docs/adr/0009).
 */
import { DirectWait } from '../libc/direct-wait.js';
import { type Libc, loadLibc } from '../libc/libc.js';
import { PlainTun } from '../tun/plain-tun.js';
import { openTunDevice, type TunOffload } from '../tun/tun-device.js';
import type { UdpOffload } from '../udp/linux-socket.js';
import { LINUX_SOCKETS_ARENA_BYTES, LinuxSockets } from '../udp/linux-sockets.js';
import { describeOffload, type OffloadDevice, offloadDevice } from './offload-device.js';
import type { OpenIo, PlaneIo, UdpEvents } from './plane-io.js';
import { portableIo } from './portable-io.js';

/** A kernel that doesn't know virtio headers gets the portable way. */
export const openOffloadIo: OpenIo = async ({ tunName, mtuBytes }, events) => {
  const libc = await loadLibc();
  const { fd, offload } = openTunDevice(libc, tunName, true);
  const tun = { name: tunName, mtuBytes, ...events };
  if (offload === undefined) return portableIo(new PlainTun(libc, fd, tun), events);
  return offloadIo(libc, { ...tun, fd, offload }, events);
};

function offloadIo(libc: Libc, device: OffloadDevice, events: UdpEvents): PlaneIo {
  const { arena, tun } = offloadDevice(libc, device, LINUX_SOCKETS_ARENA_BYTES);
  const sockets = new LinuxSockets({ ...events, libc, arena });
  let waiting: DirectWait | undefined;
  return {
    tun,
    udp: sockets,
    description: describe(device.offload, sockets.offload),
    flush() {
      tun.flush();
      sockets.flush();
    },
    wait(options) {
      waiting = new DirectWait(libc, device.fd, options);
    },
    close() {
      waiting?.close();
      sockets.closeAll();
      tun.close();
    },
  };
}

function describe(tun: TunOffload, udp: UdpOffload): string {
  const helps = [...(udp.segments ? ['UDP_SEGMENT'] : []), ...(udp.gro ? ['UDP_GRO'] : [])];
  return `system calls: ${describeOffload(tun)}, sockets have ${helps.join(' and ') || 'no offload'}`;
}
