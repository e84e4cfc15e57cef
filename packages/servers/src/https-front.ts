/**
 * The TLS port of a hub or relay: who answers a request or an upgrade, and what nobody answers.
 *
 *     request -> handler, else a page, else 404
 *     upgrade -> handler, which then owns the socket, else 404
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TlsIdentity } from '@warren/shell/tls/self-signed';
import { refusal } from './relay/http-endpoints.js';

/** Both answer false for what is somebody else's, and have then written nothing. */
export interface HttpHandler {
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean;
}

/** Until the upgrade a client has this long for its request, as official relays allow. */
const REQUEST_MS = 30_000;
/** A TLS handshake takes three round trips; the slowest path is below a second each. */
const TLS_HANDSHAKE_MS = 10_000;
/** How often Node looks for requests that are overdue. */
const REQUEST_CHECK_MS = 5_000;

const ROBOTS = 'User-agent: *\nDisallow: /\n';

/** The server, not listening yet. `frontPage` is what a browser sees at `/`. */
export function createHttpsFront(
  identity: TlsIdentity,
  handler: HttpHandler,
  frontPage: string,
): Server {
  const pages: Readonly<Record<string, string>> = { '/': frontPage, '/robots.txt': ROBOTS };
  const server = createServer(
    {
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'], // HTTP/2 can't give the socket up
      handshakeTimeout: TLS_HANDSHAKE_MS,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    },
    (request, response) => {
      if (handler.handleRequest(request, response)) return;
      const page = pages[request.url ?? '/'];
      response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/plain' });
      response.end(page ?? 'not found\n');
    },
  );
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (handler.handleUpgrade(request, socket, head)) return;
    socket.on('error', () => socket.destroy());
    socket.end(refusal('404 Not Found', 'not found'));
  });
  return server;
}
