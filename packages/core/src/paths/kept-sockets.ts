/**
 * Sockets of port searches on which a peer was reached, and how long each stays open.
 *
 *     in use --our data moves elsewhere--> left --nothing heard there for lingerMs--> closed
 *
 * The two ends choose their paths by themselves: the peer may go on sending to a socket that carries none of our
 * data. Closed under it, its packets would be lost until it notices.
 */
import { after, earliest, type Instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import type { NodeKey } from '../keys/keys.js';
import { trustMs } from './choice.js';
import { pingTimeoutMs } from './pings.js';

/** A path is trusted no longer than this after its last ping: the pong may take its time, then comes the trust. */
export const lingerMs = pingTimeoutMs + trustMs;

export interface KeptSocketsOptions {
  /** When the peer last pinged our socket or answered from there; undefined: not that anybody remembers. */
  readonly lastHeard: (peer: NodeKey, socketId: SocketId) => Instant | undefined;
  readonly close: (socketId: SocketId, now: Instant) => void;
}

interface Kept {
  /** Who was or may have been reached there; pool sockets are shared. */
  readonly peers: Set<NodeKey>;
  /** Those whose data goes there. */
  readonly users: Set<NodeKey>;
  /** Look then whether it can be closed; undefined: it is in use. */
  lookAt: Instant | undefined;
}

export class KeptSockets {
  readonly #options: KeptSocketsOptions;
  readonly #sockets = new Map<SocketId, Kept>();

  constructor(options: KeptSocketsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sockets.size;
  }

  owns(socketId: SocketId): boolean {
    return this.#sockets.has(socketId);
  }

  /** The peer's data goes through `socketId`, or through none of ours: the others are left. */
  use(peer: NodeKey, socketId: SocketId | undefined, now: Instant): void {
    for (const [id, kept] of this.#sockets) {
      if (id === socketId) this.keep(peer, id);
      else if (kept.users.delete(peer)) this.#mayClose(kept, now);
    }
  }

  /** The peer's data goes through this one from now on. */
  keep(peer: NodeKey, socketId: SocketId): void {
    const kept = this.#of(socketId);
    kept.peers.add(peer);
    kept.users.add(peer);
    kept.lookAt = undefined;
  }

  /** Not needed by us: closes it when the peer has no use of it either; at once if it was never heard there. */
  leave(peer: NodeKey, socketId: SocketId, now: Instant): void {
    if (!this.owns(socketId) && this.#options.lastHeard(peer, socketId) === undefined) {
      this.#close(socketId, now);
      return;
    }
    this.#of(socketId).users.delete(peer);
    this.heard(peer, socketId, now);
  }

  /** The peer came through there just now, which {@link KeptSocketsOptions.lastHeard} may not know yet. */
  heard(peer: NodeKey, socketId: SocketId, now: Instant): void {
    const kept = this.#of(socketId);
    kept.peers.add(peer);
    this.#mayClose(kept, now);
  }

  /** It died by itself. */
  drop(socketId: SocketId): void {
    this.#sockets.delete(socketId);
  }

  /** The peer is no more. */
  closeAllOf(peer: NodeKey, now: Instant): void {
    for (const [id, kept] of this.#sockets) {
      kept.users.delete(peer);
      if (!kept.peers.delete(peer)) continue;
      if (kept.peers.size === 0) this.#close(id, now);
      else this.#mayClose(kept, now);
    }
  }

  closeAll(now: Instant): void {
    for (const id of [...this.#sockets.keys()]) this.#close(id, now);
  }

  runTimers(now: Instant): void {
    for (const [id, kept] of this.#sockets) {
      if (kept.lookAt === undefined || now < kept.lookAt) continue;
      kept.lookAt = now;
      for (const peer of kept.peers) {
        const heardAt = this.#options.lastHeard(peer, id);
        if (heardAt !== undefined) kept.lookAt = latest(kept.lookAt, after(heardAt, lingerMs));
      }
      if (kept.lookAt <= now) this.#close(id, now);
    }
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { lookAt } of this.#sockets.values()) next = earliest(next, lookAt);
    return next;
  }

  #of(socketId: SocketId): Kept {
    let kept = this.#sockets.get(socketId);
    if (kept === undefined) {
      kept = { peers: new Set(), users: new Set(), lookAt: undefined };
      this.#sockets.set(socketId, kept);
    }
    return kept;
  }

  /** Our own pings from there may still be answered, and bring data back. */
  #mayClose(kept: Kept, now: Instant): void {
    if (kept.users.size === 0) kept.lookAt ??= after(now, pingTimeoutMs);
  }

  #close(socketId: SocketId, now: Instant): void {
    this.#sockets.delete(socketId);
    this.#options.close(socketId, now);
  }
}

function latest(a: Instant, b: Instant): Instant {
  return b > a ? b : a;
}
