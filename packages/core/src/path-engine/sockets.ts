/**
 * The node's two UDP sockets, one per family, shared by WireGuard, disco and STUN.
 *
 *     closed --open-socket--> opening --socket-open--> open
 *     opening --socket-failed--> opening on any port --socket-failed--> failed
 *     open --socket-failed, or a send says that it is dead--> opening, at most every 5 s
 *
 * IPv6 follows IPv4 and takes the same port, so that one firewall rule serves both. A system without IPv6
 * fails that socket for good; the failure of IPv4 is tried again.
 */
import { earliest, type Instant, instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import type { IpFamily } from '../ip/address.js';
import type { EngineOutputs } from './outputs.js';

export const ipv4SocketId: SocketId = 1;
export const ipv6SocketId: SocketId = 2;
/** A socket that keeps dying is not opened more often than this. */
export const reopenMs = 5000;

interface Socket {
  readonly id: SocketId;
  readonly family: IpFamily;
  state: 'closed' | 'opening' | 'open' | 'failed';
  /** Asked for; 0: any. */
  wantedPort: number;
  /** Bound, and asked for again after a failure; undefined: never open so far. */
  port: number | undefined;
  reopenedAt: Instant | undefined;
  reopenAt: Instant | undefined;
}

function socket(id: SocketId, family: IpFamily): Socket {
  return {
    id,
    family,
    state: 'closed',
    wantedPort: 0,
    port: undefined,
    reopenedAt: undefined,
    reopenAt: undefined,
  };
}

/** The socket of a family. */
export function socketIdOf(family: IpFamily): SocketId {
  return family === 4 ? ipv4SocketId : ipv6SocketId;
}

export class Sockets {
  readonly #outputs: EngineOutputs;
  readonly #listenPort: number;
  readonly #sockets = [socket(ipv4SocketId, 4), socket(ipv6SocketId, 6)] as const;

  constructor(outputs: EngineOutputs, listenPort: number) {
    this.#outputs = outputs;
    this.#listenPort = listenPort;
    this.#open(this.#sockets[0], listenPort);
  }

  isOpen(family: IpFamily): boolean {
    return this.#of(family).state === 'open';
  }

  /** The bound port; undefined while the family has no socket. */
  port(family: IpFamily): number | undefined {
    const { state, port } = this.#of(family);
    return state === 'open' ? port : undefined;
  }

  /** Both families are open or known not to be. */
  get settled(): boolean {
    return this.#sockets.every(({ state }) => state === 'open' || state === 'failed');
  }

  /** Undefined until tried. */
  get osHasIpv6(): boolean | undefined {
    const { state } = this.#sockets[1];
    return state === 'open' || state === 'failed' ? state === 'open' : undefined;
  }

  /** The PacketEngine opened a socket; returns its family. */
  opened(id: SocketId, port: number): IpFamily | undefined {
    const one = this.#sockets.find((known) => known.id === id);
    if (one === undefined) return undefined;
    one.state = 'open';
    one.port = port;
    one.reopenAt = undefined;
    this.#openNext();
    return one.family;
  }

  /** A socket could not be opened, or died; returns its family. */
  failed(id: SocketId, now: Instant): IpFamily | undefined {
    const one = this.#sockets.find((known) => known.id === id);
    if (one === undefined) return undefined;
    const couldNotOpen = one.state === 'opening';
    one.state = 'failed';
    if (couldNotOpen && one.wantedPort !== 0) {
      this.#open(one, 0);
    } else if (one.family === 4 || one.port !== undefined) {
      one.reopenAt =
        one.reopenedAt === undefined ? now : instant(Math.max(now, one.reopenedAt + reopenMs));
    }
    this.#openNext();
    return one.family;
  }

  /** The machine's network changed: what could not be opened may be possible now. */
  retryFailed(): void {
    for (const one of this.#sockets) {
      if (one.state === 'failed') this.#open(one, one.port ?? this.#listenPort);
    }
  }

  /** Closes both, for good. */
  close(): void {
    for (const one of this.#sockets) {
      one.state = 'closed';
      one.reopenAt = undefined;
      this.#outputs.down({ type: 'close-socket', socketId: one.id });
    }
  }

  runTimers(now: Instant): void {
    for (const one of this.#sockets) {
      if (one.reopenAt === undefined || now < one.reopenAt) continue;
      one.reopenedAt = now;
      this.#open(one, one.port ?? this.#listenPort);
    }
  }

  nextTimeout(): Instant | undefined {
    return earliest(...this.#sockets.map(({ reopenAt }) => reopenAt));
  }

  #of(family: IpFamily): Socket {
    return family === 4 ? this.#sockets[0] : this.#sockets[1];
  }

  /** IPv6 is tried once the fate of IPv4, so the port, is known. */
  #openNext(): void {
    const [v4, v6] = this.#sockets;
    if (v6.state !== 'closed' || v4.state === 'opening') return;
    this.#open(v6, v4.port ?? this.#listenPort);
  }

  #open(one: Socket, port: number): void {
    one.state = 'opening';
    one.wantedPort = port;
    one.reopenAt = undefined;
    // A dead socket, or one that an earlier engine of this process left, would still hold the port.
    this.#outputs.down({ type: 'close-socket', socketId: one.id });
    this.#outputs.down({ type: 'open-socket', socketId: one.id, family: one.family, port });
  }
}
