/**
 * A HEAD request to the control server over a TLS connection of its own, trusted as the one to control is: how a
 * server that asks for it sees that this machine lives. What it answers is nobody's business here.
 */
import { request } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { NodeError } from '../errors.js';
import { attempt } from '../net/attempt.js';
import { type ControlServer, dialControl } from './control-connection.js';

/** Gives the status of the answer. Rejects with a {@link NodeError}, after `timeoutMs` at the latest. */
export function headOutside(
  server: ControlServer,
  path: string,
  timeoutMs: number,
): Promise<number> {
  const where = server.url.host;
  const timedOut = (): NodeError => unanswered(where, `did not answer within ${timeoutMs} ms`);
  return attempt({ signal: server.signal, timeoutMs, timedOut }, async (signal) => {
    return head(await dialControl(server, signal), where, path);
  });
}

function head(socket: TLSSocket, where: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => socket,
      method: 'HEAD',
      path,
      headers: { host: where, connection: 'close' },
    });
    asked.once('response', (response) => {
      socket.destroy(); // its head is all of the answer
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', (error) => {
      socket.destroy();
      reject(unanswered(where, 'broke the connection off', error));
    });
    asked.end();
  });
}

function unanswered(where: string, reason: string, cause?: unknown): NodeError {
  return new NodeError(
    'SERVER_UNREACHABLE',
    `${where} ${reason}`,
    'check that the control server runs and is not overloaded',
    { cause },
  );
}
