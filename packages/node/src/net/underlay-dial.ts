/**
 * TCP outside the tunnel: sockets that bear the mark before their first packet.
 *
 * Node has no call between making a socket and connecting it, so libc makes, marks and connects it, and Node takes
 * it over as a descriptor. Names are looked up by the system, whose question takes the exit node's way when there is
 * one; when that is dead, the addresses of the last answer do.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { endpoint, familyOf, type IpAddress, parseAddress } from '@warren/core/ip/address';
import { EINPROGRESS, errnoName } from '../libc/errno.js';
import type { Libc } from '../libc/libc.js';
import {
  INT_BYTES,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../libc/socket-constants.js';
import { AF_INET, AF_INET6, SOCKADDR_BYTES, writeSocketAddress } from '../udp/socket-address.js';
import { SO_MARK, UNDERLAY_MARK } from './underlay-mark.js';

/** Each address but the last is given so long; satellites answer within it. */
const NEXT_ADDRESS_MS = 2_500;
/** A resolver that is silent so long is dead when there are addresses of an earlier answer. */
const LOOKUP_MS = 2_000;
/** Control, and the relays of a map. */
const MAX_NAMES = 256;
/** Addresses of one name. */
const MAX_ADDRESSES = 8;

export interface DialTarget {
  readonly host: string;
  readonly addresses?: readonly IpAddress[] | undefined;
  readonly port: number;
  readonly signal: AbortSignal;
}

type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>;

/** As Node words it: with `code`. */
function systemError(code: string, address: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`connect ${code} ${address}`), { code });
}

export class UnderlayDialer {
  readonly #libc: Libc;
  readonly #lookup: Lookup;
  readonly #known = new Map<string, readonly IpAddress[]>();

  constructor(libc: Libc, lookup: Lookup = (host) => systemLookup(host, { all: true })) {
    this.#libc = libc;
    this.#lookup = lookup;
  }

  /** A connection to one of the addresses, tried in turn. Rejects with an error of the system's. */
  async dial({ host, addresses, port, signal }: DialTarget): Promise<Socket> {
    const all = addresses ?? (await this.#find(host, signal));
    let failure: unknown = systemError('ENOTFOUND', host);
    for (const [index, address] of all.entries()) {
      const isLast = index === all.length - 1;
      const patience = isLast
        ? signal
        : AbortSignal.any([signal, AbortSignal.timeout(NEXT_ADDRESS_MS)]);
      try {
        return await this.#connect(address, port, patience);
      } catch (error) {
        failure = error;
      }
      if (signal.aborted) break;
    }
    throw failure;
  }

  async #find(host: string, signal: AbortSignal): Promise<readonly IpAddress[]> {
    const literal = parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
    if (literal !== undefined) return [literal];
    const known = this.#known.get(host);
    const asked = this.#lookup(host).then((found) =>
      found.flatMap(({ address }) => parseAddress(address) ?? []).slice(0, MAX_ADDRESSES),
    );
    asked.catch(() => undefined);
    const done = new AbortController();
    try {
      const waits = known === undefined ? [] : [sleep(LOOKUP_MS, known, { signal: done.signal })];
      const gone = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(systemError('ETIMEDOUT', host)), {
          once: true,
          signal: done.signal,
        });
      });
      const found = await Promise.race([asked, ...waits, gone]);
      if (found.length > 0) this.#keep(host, found);
      return found.length > 0 ? found : (known ?? []);
    } catch (error) {
      if (signal.aborted || known === undefined) throw error;
      return known;
    } finally {
      done.abort();
    }
  }

  #keep(host: string, addresses: readonly IpAddress[]): void {
    if (this.#known.size >= MAX_NAMES && !this.#known.has(host)) this.#known.clear();
    this.#known.set(host, addresses);
  }

  #connect(address: IpAddress, port: number, signal: AbortSignal): Promise<Socket> {
    const libc = this.#libc;
    const domain = familyOf(address) === 4 ? AF_INET : AF_INET6;
    const fd = libc.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return Promise.reject(systemError(errnoName(libc.errno()), address));
    const memory = new Uint8Array(SOCKADDR_BYTES);
    const base = libc.addressOf(memory);
    const value = new DataView(memory.buffer);
    value.setInt32(0, UNDERLAY_MARK, true);
    // Without the right to mark there is no tunnel either, around which it would have to go.
    libc.setsockopt(fd, SOL_SOCKET, SO_MARK, base, INT_BYTES);
    const length = writeSocketAddress(memory, 0, endpoint(address, port));
    const errno = libc.connect(fd, base, length) < 0 ? libc.errno() : 0;
    if (errno !== 0 && errno !== EINPROGRESS) {
      libc.close(fd);
      return Promise.reject(systemError(errnoName(errno), address));
    }
    return new Promise((resolve, reject) => {
      let isDone = false;
      const finish = (failure: Error | undefined): void => {
        if (isDone) return;
        isDone = true;
        signal.removeEventListener('abort', onAbort);
        poll.close();
        if (failure !== undefined) libc.close(fd);
        // What waits for a promise is not run at the end of a callback of koffi.
        setImmediate(() => {
          if (failure === undefined) resolve(new Socket({ fd, readable: true, writable: true }));
          else reject(failure);
        });
      };
      const judge = (): void => {
        value.setUint32(INT_BYTES, INT_BYTES, true);
        libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, base, base + INT_BYTES);
        const error = value.getInt32(0, true);
        finish(error === 0 ? undefined : systemError(errnoName(error), address));
      };
      const onAbort = (): void => finish(systemError('ETIMEDOUT', address));
      const poll = libc.poll(fd, { onReadable: judge, onWritable: judge, onBroken: judge });
      poll.watch(false, true);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
    });
  }
}

let dialer: UnderlayDialer | undefined;

/** From now on TCP of this process to control servers and relays goes around the tunnel. */
export function dialOutsideTunnel(libc: Libc): void {
  dialer = new UnderlayDialer(libc);
}

/** Undefined: Node's own sockets do, because there is no tunnel. */
export function underlayDialer(): UnderlayDialer | undefined {
  return dialer;
}
