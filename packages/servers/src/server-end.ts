/**
 * How a hub or relay ends: once, whoever asks, and in this order: no new connections, its parts, what is left
 * of the connections, the lock on its directory.
 */
import type { Server } from 'node:https';
import type { DirectoryLock } from '@warren/shell/files/directory-lock';

export class ServerEnd {
  /** Resolves when everything has ended. */
  readonly closed: Promise<void>;
  readonly #https: Server;
  readonly #lock: DirectoryLock;
  readonly #stopParts: () => Promise<unknown>;
  #closing = false;
  #resolveClosed: () => void = () => undefined;

  constructor(https: Server, lock: DirectoryLock, stopParts: () => Promise<unknown>) {
    this.#https = https;
    this.#lock = lock;
    this.#stopParts = stopParts;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      void this.#stop().finally(this.#resolveClosed);
    }
    await this.closed;
  }

  /** Closes when `signal` says so, also when it already has. */
  closeOn(signal: AbortSignal | undefined): void {
    signal?.addEventListener('abort', () => void this.close(), { once: true });
    if (signal?.aborted === true) void this.close();
  }

  async #stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.#https.close(resolve));
    await this.#stopParts();
    this.#https.closeAllConnections();
    await stopped;
    this.#lock.release();
  }
}
