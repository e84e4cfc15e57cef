/** A TUN device with the kernel's offload, in an arena that has room for its user's sockets besides. */
import { createChecksum } from '../checksum/wasm-checksum.js';
import type { Libc } from '../libc/libc.js';
import { OffloadTun } from '../tun/offload-tun.js';
import type { TunOptions } from '../tun/plain-tun.js';
import type { TunOffload } from '../tun/tun-device.js';
import { Arena } from './arena.js';

/** Of `openTunDevice`; the TUN takes `fd` over. */
export interface OffloadDevice extends TunOptions {
  readonly fd: number;
  readonly offload: TunOffload;
}

/** `besidesBytes`: of the arena, for the caller to reserve. */
export function offloadDevice(libc: Libc, device: OffloadDevice, besidesBytes: number) {
  const arena = new Arena(OffloadTun.arenaBytes(device.mtuBytes) + besidesBytes, libc.addressOf);
  const tun = new OffloadTun({ ...device, libc, arena, checksum: createChecksum(arena) });
  return { arena, tun };
}

/** For the log. */
export function describeOffload({ udp }: TunOffload): string {
  return `TUN joins ${udp ? 'TCP and UDP' : 'TCP'}`;
}
