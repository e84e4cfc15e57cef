/**
 * Listening on a unix socket that only its owner may connect to, and who is there already.
 *
 * A killed process leaves its socket file behind, which nobody answers: it is replaced. One that a living
 * process answers is never touched.
 */
import { once } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';

/** Takes everything from group and others. */
const UMASK = 0o177;
const MODE = 0o600;

export interface PrivateSocket {
  /** Ends every connection; the file goes too. Safe to call twice. */
  close(): Promise<void>;
}

/** True when something accepts connections at `path`: a living process, not a leftover file. */
export async function isServed(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Listens at `path`, whose directory must exist. Rejects with the system's error; EADDRINUSE, which
 * {@link isTaken} knows: a living process has it.
 */
export async function listenPrivately(server: Server, path: string): Promise<PrivateSocket> {
  if (!(await isServed(path))) removeLeftover(path);
  const before = process.umask(UMASK); // nobody else may open it, not even before chmod
  try {
    server.listen(path); // binds before it returns
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
  chmodSync(path, MODE);
  return {
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A mistyped path may name somebody's file: only sockets are ours to remove. */
function removeLeftover(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error('something that is not a socket has that name');
  rmSync(path, { force: true });
}

/** True for what {@link listenPrivately} rejects with when a living process has the socket. */
export function isTaken(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}
