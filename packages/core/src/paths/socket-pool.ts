/**
 * The many sockets of a scatter, shared by all peers that are sought with them at a time: what one peer's guess hits
 * is none of another's business, as each peer's pings open the NAT for that peer alone.
 *
 *     acquire --open-socket (as many as are missing)--> opening --opened, failed--> ready
 *     take: the socket that was hit leaves the pool and is its taker's      release, by the last user: all are closed
 */
import type { Instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';

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

  constructor(options: SocketPoolOptions) {
    this.#options = options;
  }

  /** Sockets that can send, in the order in which they were opened. */
  get sockets(): readonly SocketId[] {
    return [...this.#open];
  }

  /** Sockets, open or about to be. */
  get size(): number {
    return this.#open.size + this.#opening.size;
  }

  /** Nothing is being opened any more. */
  get isSettled(): boolean {
    return this.#opening.size === 0;
  }

  owns(socketId: SocketId): boolean {
    return this.#open.has(socketId) || this.#opening.has(socketId);
  }

  /** Makes sure that there are `count` sockets, as long as the user has not released them. */
  acquire(user: User, count: number, now: Instant): void {
    this.#users.add(user);
    for (let missing = count - this.size; missing > 0; missing--) {
      const socketId = this.#options.newSocketId();
      this.#opening.add(socketId);
      this.#options.emit({ type: 'open-socket', socketId }, now);
    }
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
    for (const socketId of all) this.#options.emit({ type: 'close-socket', socketId }, now);
  }
}
