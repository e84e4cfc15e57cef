/**
 * How much the kernel keeps of a TCP connection beyond what is on its way (TCP_NOTSENT_LOWAT): what lies there can't
 * be overtaken any more, and without a limit it grows to megabytes, seconds of a slow uplink.
 */
import type { Duplex } from 'node:stream';
import { viewOf } from '@warren/core/base/bytes';
import { loadLibc } from '../libc/libc.js';
import { INT_BYTES } from '../libc/socket-constants.js';

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

/** Sets the limit where this can be done; elsewhere everything works as before, with longer queues. */
export async function limitUnsent(socket: Duplex, bytes: number): Promise<void> {
  const libc = await loadLibc().catch(() => undefined);
  const fd = descriptorOf(socket);
  if (libc === undefined || fd === undefined) return;
  const value = new Uint8Array(INT_BYTES);
  viewOf(value).setInt32(0, bytes, true);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, libc.addressOf(value), INT_BYTES);
}

/** Node's handles show it, though nothing promises so; of a closed socket it is -1. */
function descriptorOf(socket: Duplex): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
