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
  readonly peer: NodeKey;
  /** Look then whether it can be closed; undefined: our data is there. */
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
      if (kept.peer !== peer) continue;
      if (id === socketId) kept.lookAt = undefined;
      else if (kept.lookAt === undefined) this.leave(peer, id, now);
    }
  }

  /** Our data goes through this one from now on. */
  keep(peer: NodeKey, socketId: SocketId): void {
    this.#sockets.set(socketId, { peer, lookAt: undefined });
  }

  /** Not needed by us: closes it when the peer has no use of it either; at once if it was never heard there. */
  leave(peer: NodeKey, socketId: SocketId, now: Instant): void {
    // Our own pings from there may still be answered, and bring our data back.
    if (this.#options.lastHeard(peer, socketId) === undefined) this.#close(socketId, now);
    else this.#sockets.set(socketId, { peer, lookAt: after(now, pingTimeoutMs) });
  }

  /** It died by itself. */
  drop(socketId: SocketId): void {
    this.#sockets.delete(socketId);
  }

  /** The peer is no more. */
  closeAllOf(peer: NodeKey, now: Instant): void {
    for (const [id, kept] of this.#sockets) if (kept.peer === peer) this.#close(id, now);
  }

  closeAll(now: Instant): void {
    for (const id of [...this.#sockets.keys()]) this.#close(id, now);
  }

  runTimers(now: Instant): void {
    for (const [id, kept] of this.#sockets) {
      if (kept.lookAt === undefined || now < kept.lookAt) continue;
      const heardAt = this.#options.lastHeard(kept.peer, id);
      kept.lookAt = heardAt === undefined ? now : after(heardAt, lingerMs);
      if (kept.lookAt <= now) this.#close(id, now);
    }
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { lookAt } of this.#sockets.values()) next = earliest(next, lookAt);
    return next;
  }

  #close(socketId: SocketId, now: Instant): void {
    this.#sockets.delete(socketId);
    this.#options.close(socketId, now);
  }
}
