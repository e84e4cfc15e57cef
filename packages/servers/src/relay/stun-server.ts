/**
 * STUN over UDP: tells nodes from where their packets arrive, and sends the relay's dial-backs. One socket for both families where the system has
 * them; IPv4 sources are always reported as IPv4.
 *
 * A wildcard socket answers from whatever address the route prefers. On a host with several addresses name the one
 * to listen on, or clients that asked another one will ignore the answer.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Counters } from '@warren/core/base/counters';
import { isFailure } from '@warren/core/base/failure';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  parseAddress,
} from '@warren/core/ip/address';
import { answerBindingRequest } from '@warren/core/stun/server';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { bindUdp, type ListenAddress } from '../listen.js';
import { PrefixLimiter } from './prefix-limiter.js';

/**
 * A network check asks each relay some 10 times at once, then every 20 s; a /24 behind one carrier NAT may hold a few
 * hundred nodes. 65,536 networks take about 20 MB.
 */
const RATE = { burst: 500, perSecond: 100, prefixesMax: 65_536 };
/** No STUN request is longer than the path's smallest MTU. */
const REQUEST_MAX_BYTES = 1280;

export interface StunServerOptions extends ListenAddress {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface StunServer {
  readonly port: number;
  /** `requests`, `answered`, and drops by reason. */
  readonly counters: Counters;
  /** Sends a datagram from the STUN port; false when the system refuses. */
  send(target: Endpoint, bytes: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
}

/** Listens on `host` and `port`. Rejects with a ListenError. */
export async function startStunServer(options: StunServerOptions): Promise<StunServer> {
  const log = options.log.child({ part: 'stun' });
  const { socket, port, isDual } = await bind(options);
  const counters = new Counters();
  const limiter = new PrefixLimiter(RATE);
  socket.on('error', (error) => log.warn('socket error', { error: error.message }));
  socket.on('message', (bytes, from) => {
    counters.add('requests');
    const answer = judge(bytes, from, limiter, options.clock);
    if (typeof answer === 'string') {
      counters.add(`drop-${answer}`);
      return;
    }
    socket.send(answer, from.port, from.address, (error) => {
      counters.add(error === null ? 'answered' : 'drop-send-failed');
    });
  });
  return {
    port,
    counters,
    send: (target, bytes) => sendFrom(socket, isDual, target, bytes),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function sendFrom(
  socket: Socket,
  isDual: boolean,
  target: Endpoint,
  bytes: Uint8Array,
): Promise<boolean> {
  const address = endpointAddress(target);
  // A socket of IPv6 knows IPv4 hosts by their mapped addresses.
  const to = isDual && familyOf(address) === 4 ? `::ffff:${address}` : address;
  return new Promise((resolve) => {
    socket.send(bytes, endpointPort(target), to, (error) => resolve(error === null));
  });
}

/** The reply, or why there is none. */
function judge(
  bytes: Buffer,
  from: RemoteInfo,
  limiter: PrefixLimiter,
  clock: Clock,
): Uint8Array | string {
  const source = parseAddress(from.address.split('%', 1)[0] ?? ''); // link-local sources carry a zone
  if (source === undefined || from.port === 0) return 'bad-source';
  if (bytes.length > REQUEST_MAX_BYTES) return 'too-long';
  // The limit comes first: checking a fingerprint costs more than a lookup.
  if (!limiter.allow(source, clock.now())) return 'rate';
  const answer = answerBindingRequest(bytes, endpoint(source, from.port));
  return isFailure(answer) ? answer.reason : answer;
}

/** Both families in one socket, or IPv4 alone where the system has no IPv6. */
async function bind(at: ListenAddress): Promise<{ socket: Socket; port: number; isDual: boolean }> {
  const address = at.host === undefined ? undefined : parseAddress(at.host);
  const onlyV4 = address !== undefined && familyOf(address) === 4;
  try {
    const socket = createSocket({ type: onlyV4 ? 'udp4' : 'udp6' });
    return { socket, port: await bindOrClose(socket, at), isDual: !onlyV4 };
  } catch (error) {
    const noIpv6 = at.host === undefined && isCausedBy(error, 'EAFNOSUPPORT');
    if (!noIpv6) throw error;
    const socket = createSocket({ type: 'udp4' });
    return { socket, port: await bindOrClose(socket, at), isDual: false };
  }
}

async function bindOrClose(socket: Socket, at: ListenAddress): Promise<number> {
  try {
    return await bindUdp(socket, at);
  } catch (error) {
    socket.close();
    throw error;
  }
}

function isCausedBy(error: unknown, errno: string): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === errno;
}
