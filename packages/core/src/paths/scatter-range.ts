/**
 * The range in which many sockets behind a NAT that chooses ports at random have theirs, and how many sockets that
 * takes. With n sockets in a range of r ports, another's guess hits one in n cases of r.
 *
 *     256 sockets in all 64,512 ports   one guess of 252 hits; 1,500 guesses miss all in 3 cases of a thousand
 *     16 sockets in a block of 512      one guess of 32 hits
 */
import { scatterPortMin } from '../disco/ping-extension.js';
import { endpoint, type IpAddress } from '../ip/address.js';
import type { PortRange, Ports } from './ports.js';

/** One socket for so many ports makes this the mean number of guesses. */
const portsPerSocket = 250;
/** So that a packet lost here and there does not matter. */
export const scatterSocketsMin = 16;
/** Opens in some milliseconds, and is far below what a process may have open (1,024 mostly). */
export const scatterSocketsMax = 256;
const PORT_MAX = 65_535;

/** All ports of the range, or all that NATs hand out. */
export function scatterOf(
  address: IpAddress,
  range: PortRange | undefined,
  isOpenToAddress: boolean,
): Ports {
  const low = Math.max(scatterPortMin, range?.low ?? 0);
  const high = Math.max(low, range?.high ?? PORT_MAX);
  const first = endpoint(address, low);
  return { kind: 'scatter', isOpenToAddress, first, step: 1, count: high - low + 1 };
}

/** How many sockets a scatter of so many ports is worth. */
export function socketsFor(ports: number): number {
  const wanted = Math.ceil(ports / portsPerSocket);
  return Math.min(scatterSocketsMax, Math.max(scatterSocketsMin, wanted));
}
