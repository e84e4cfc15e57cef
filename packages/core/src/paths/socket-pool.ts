/**
 * The many sockets of a scatter, shared by all peers that are sought with them at a time: what one peer's guess hits
 * is none of another's business, as each peer's pings open the NAT for that peer alone.
 *
 *     acquire --open-socket (as many as are missing)--> opening --opened, failed--> ready
 *     take: the socket that was hit leaves the pool and is its taker's      release, by the last user: all are closed
 */
import { after, type Instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';

/**
 * The system takes 3 to 30 ms for 256 sockets, and meanwhile forwards nothing: so they are opened by the lot, and all of
 * them within 21 ms.
 */
export const socketsPerLot = 32;
const lotGapMs = 3;

export type PoolOutput =
  | { readonly type: 'open-socket'; readonly socketId: SocketId }
  | { readonly type: 'close-socket'; readonly socketId: SocketId };

export interface SocketPoolOptions {
  readonly newSocketId: () => SocketId;
  readonly emit: (output: PoolOutput, now: Instant) => void;
}

export class SocketPool<User> {
  readonly #options: SocketPoolOptions;
  readonly #users = new Set<User>();
  readonly #opening = new Set<SocketId>();
  readonly #open = new Set<SocketId>();
  /** Of those that users asked for, still to be opened. */
  #missing = 0;
  #nextLotAt: Instant | undefined;

  constructor(options: SocketPoolOptions) {
    this.#options = options;
  }

  /** Sockets that can send, in the order in which they were opened. */
  get sockets(): readonly SocketId[] {
    return [...this.#open];
  }

  /** Sockets, open or about to be. */
  get size(): number {
    return this.#open.size + this.#opening.size + this.#missing;
  }

  /** Nothing is being opened any more. */
  get isSettled(): boolean {
    return this.#opening.size === 0 && this.#missing === 0;
  }

  owns(socketId: SocketId): boolean {
    return this.#open.has(socketId) || this.#opening.has(socketId);
  }

  /** Makes sure that there are `count` sockets, as long as the user has not released them. */
  acquire(user: User, count: number, now: Instant): void {
    this.#users.add(user);
    this.#missing += Math.max(0, count - this.size);
    if (this.#nextLotAt === undefined) this.#openLot(now);
  }

  runTimers(now: Instant): void {
    if (this.#nextLotAt !== undefined && now >= this.#nextLotAt) this.#openLot(now);
  }

  nextTimeout(): Instant | undefined {
    return this.#nextLotAt;
  }

  opened(socketId: SocketId): void {
    if (this.#opening.delete(socketId)) this.#open.add(socketId);
  }

  /** It could not be opened, or died. */
  failed(socketId: SocketId): void {
    this.#opening.delete(socketId);
    this.#open.delete(socketId);
  }

  /** The socket is its taker's from now on, who closes it. False: it is none of the pool's. */
  take(socketId: SocketId): boolean {
    return this.#open.delete(socketId);
  }

  /** Nobody else's sockets are closed by that. */
  release(user: User, now: Instant): void {
    if (!this.#users.delete(user) || this.#users.size > 0) return;
    const all = [...this.#open, ...this.#opening];
    this.#open.clear();
    this.#opening.clear();
    this.#missing = 0;
    this.#nextLotAt = undefined;
    for (const socketId of all) this.#options.emit({ type: 'close-socket', socketId }, now);
  }

  #openLot(now: Instant): void {
    const lot = Math.min(socketsPerLot, this.#missing);
    this.#missing -= lot;
    this.#nextLotAt = this.#missing > 0 ? after(now, lotGapMs) : undefined;
    for (let opened = 0; opened < lot; opened++) {
      const socketId = this.#options.newSocketId();
      this.#opening.add(socketId);
      this.#options.emit({ type: 'open-socket', socketId }, now);
    }
  }
}
