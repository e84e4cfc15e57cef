/**
 * STUN over UDP: tells nodes from where their packets arrive, gives them tokens that show it (core's
 * stun/address-tokens.ts), and sends the relay's dial-backs. One socket for both
 * families where the system has them; IPv4 sources are always reported as IPv4.
 *
 *     host:port ─ the first socket          alternateHost:port
 *     host:alternatePort                    alternateHost:alternatePort
 *
 * With the others a node can ask for an answer from where it has not sent to (RFC 5780), which tells how its NAT
 * filters. All of them share one limit of requests. A port that another program has is done without.
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
  type IpAddress,
  parseAddress,
} from '@warren/core/ip/address';
import type { AddressTokens } from '@warren/core/stun/address-tokens';
import {
  answerFromSockets,
  type PlacedReply,
  type ServerSockets,
  type SocketChoice,
} from '@warren/core/stun/server';
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
  /** UDP; 0: any; undefined: none. */
  readonly alternatePort?: number | undefined;
  /** Another address of this host, to answer from on both ports; `host` is given then. */
  readonly alternateHost?: IpAddress | undefined;
  /** Those that the relay beside it recognizes; undefined: none are given. */
  readonly addressTokens?: AddressTokens | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface StunServer {
  readonly port: number;
  /** Undefined: none was wanted, or another program has it. */
  readonly alternatePort: number | undefined;
  /** `requests`, `answered`, `tokens-given`, and drops by reason. */
  readonly counters: Counters;
  /** Sends a datagram from the STUN port, or the alternate one if there is one; false when the system refuses. */
  send(target: Endpoint, bytes: Uint8Array, fromAlternate?: boolean): Promise<boolean>;
  close(): Promise<void>;
}

interface BoundSocket {
  readonly choice: SocketChoice;
  readonly socket: Socket;
  readonly port: number;
  readonly isDual: boolean;
}

/** Listens on `host` and `port`. Rejects with a ListenError. */
export async function startStunServer(options: StunServerOptions): Promise<StunServer> {
  const log = options.log.child({ part: 'stun' });
  const first = { choice: FIRST, ...(await bind(options)) };
  const bound = [first, ...(await bindOthers(options, first.port, log))];
  const alternatePort = bound.find(({ choice }) => choice.alternatePort)?.port;
  const { alternateHost } = options;
  const hasHost = bound.some(({ choice }) => choice.alternateAddress);
  const host = options.host === undefined ? undefined : parseAddress(options.host);
  const isNamed = hasHost && alternateHost !== undefined && host !== undefined;
  const counters = new Counters();
  const { addressTokens } = options;
  const tokenFor = (address: IpAddress, of: AddressTokens): Uint8Array => {
    counters.add('tokens-given');
    return of.issue(address, options.clock.now());
  };
  const sockets: ServerSockets = {
    port: first.port,
    alternatePort,
    // Behind another host's address translation these would be of no use to clients; two of them show that it isn't.
    addresses: isNamed ? [host] : [],
    alternateAddresses: isNamed ? [alternateHost] : [],
    tokenFor:
      addressTokens === undefined ? undefined : (address) => tokenFor(address, addressTokens),
  };
  const limiter = new PrefixLimiter(RATE);
  for (const { choice, socket } of bound) {
    socket.on('error', (error) => log.warn('socket error', { error: error.message }));
    socket.on('message', (bytes, from) => {
      counters.add('requests');
      const answer = judge(bytes, from, sockets, choice, limiter, options.clock);
      if (typeof answer === 'string') {
        counters.add(`drop-${answer}`);
        return;
      }
      const sender = bound.find((one) => isSame(one.choice, answer.from));
      if (sender === undefined) {
        counters.add('drop-no-such-socket');
        return;
      }
      const isChanged = sender.socket !== socket;
      const to = isChanged ? addressFor(from, sender.isDual) : from.address;
      sender.socket.send(answer.reply, from.port, to, (error) => {
        counters.add(error === null ? 'answered' : 'drop-send-failed');
        if (error === null && isChanged) counters.add('answered-from-elsewhere');
      });
    });
  }
  return {
    port: first.port,
    alternatePort,
    counters,
    send: (target, bytes, fromAlternate = false) => {
      const choice = { alternateAddress: false, alternatePort: fromAlternate };
      const { socket, isDual } = bound.find((one) => isSame(one.choice, choice)) ?? first;
      return sendFrom(socket, isDual, target, bytes);
    },
    close: async () => {
      await Promise.all(bound.map(({ socket }) => closed(socket)));
    },
  };
}

const FIRST: SocketChoice = { alternateAddress: false, alternatePort: false };

function isSame(a: SocketChoice, b: SocketChoice): boolean {
  return a.alternateAddress === b.alternateAddress && a.alternatePort === b.alternatePort;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

/** The other sockets, as far as they can be had: all of an address, or none. */
async function bindOthers(
  options: StunServerOptions,
  port: number,
  log: Logger,
): Promise<readonly BoundSocket[]> {
  const { host, alternateHost, alternatePort: wanted } = options;
  if (wanted === undefined) return [];
  const bound: BoundSocket[] = [];
  try {
    const choice = { alternateAddress: false, alternatePort: true };
    const second = await bind({ host, port: wanted });
    bound.push({ choice, ...second });
    if (alternateHost === undefined) return bound;
    for (const isAlternate of [false, true]) {
      const at = { host: alternateHost, port: isAlternate ? second.port : port };
      const there = { alternateAddress: true, alternatePort: isAlternate };
      bound.push({ choice: there, ...(await bind(at)) });
    }
    return bound;
  } catch (error) {
    log.warn('no STUN from another address or port: nodes learn less of their NATs', {
      error: error instanceof Error ? error.message : String(error),
    });
    const useless = bound.filter(({ choice }) => choice.alternateAddress);
    await Promise.all(useless.map(({ socket }) => closed(socket)));
    return bound.filter((one) => !useless.includes(one));
  }
}

/** The address of who asked, as a socket of the one kind or the other writes it. */
function addressFor({ address }: RemoteInfo, isDual: boolean): string {
  if (isDual) return address.includes(':') ? address : `::ffff:${address}`;
  return address.replace(/^::ffff:/, '');
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
  sockets: ServerSockets,
  at: SocketChoice,
  limiter: PrefixLimiter,
  clock: Clock,
): PlacedReply | string {
  const source = parseAddress(from.address.split('%', 1)[0] ?? ''); // link-local sources carry a zone
  if (source === undefined || from.port === 0) return 'bad-source';
  if (bytes.length > REQUEST_MAX_BYTES) return 'too-long';
  // The limit comes first: checking a fingerprint costs more than a lookup.
  if (!limiter.allow(source, clock.now())) return 'rate';
  const answer = answerFromSockets(bytes, endpoint(source, from.port), sockets, at);
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
