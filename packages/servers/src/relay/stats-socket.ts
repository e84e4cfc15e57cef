/**
 * What the relay knows, as JSON over a unix socket that only its owner can open: `GET /stats`.
 *
 *     curl --unix-socket /run/warren/relay.sock http://relay/stats
 */

import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { listenError } from '../listen.js';

export interface StatsSocket {
  close(): Promise<void>;
}

/** Serves what `read` answers at `path`. A socket that a dead process left behind is replaced. */
export async function startStatsSocket(path: string, read: () => unknown): Promise<StatsSocket> {
  const server = createServer((request, response) => {
    if (request.url !== '/stats' || request.method !== 'GET') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('try GET /stats\n');
      return;
    }
    const body = `${JSON.stringify(read())}\n`;
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
  });
  if (!(await isServed(path))) rmSync(path, { force: true });
  const before = process.umask(0o177); // nobody else may open it, not even before chmod
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  try {
    await once(server, 'listening');
    chmodSync(path, 0o600);
  } catch (cause) {
    throw listenError(`the stats socket ${path}`, cause);
  }
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** True when a living process answers at `path`. */
async function isServed(path: string): Promise<boolean> {
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
