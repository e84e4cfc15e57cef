/**
 * What the relay knows, as JSON over a unix socket that only its owner can open: `GET /stats`.
 *
 *     curl --unix-socket /run/warren/relay.sock http://relay/stats
 */

import { createServer } from 'node:http';
import { listenPrivately, type PrivateSocket } from '@warren/shell/unix-socket';
import { listenError } from '../listen.js';

/** Serves what `read` answers at `path`. A socket that a dead process left behind is replaced. */
export async function startStatsSocket(path: string, read: () => unknown): Promise<PrivateSocket> {
  const server = createServer((request, response) => {
    if (request.url !== '/stats' || request.method !== 'GET') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('try GET /stats\n');
      return;
    }
    const body = `${JSON.stringify(read())}\n`;
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
  });
  try {
    return await listenPrivately(server, path);
  } catch (cause) {
    throw listenError(`the stats socket ${path}`, cause);
  }
}
