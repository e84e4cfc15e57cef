/**
 * The TLS port of a hub or relay: who answers a request or an upgrade, and what nobody answers.
 *
 *     request -> handler, else a page, else 404
 *     upgrade -> handler, which then owns the socket, else 404
 *
 * What makes no sense before a handler sees it (no TLS, no HTTP, nothing in time) is counted by reason.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { Counters } from '@warren/core/base/counters';
import type { ServerIdentity } from '@warren/shell/tls/self-signed';
import { hangUp } from './hang-up.js';
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

export interface HttpsFront {
  readonly server: Server;
  /** Connections and requests that no handler wanted or saw, by reason. */
  readonly counters: Counters;
}

/** The server, not listening yet. `frontPage` is what a browser sees at `/`. */
export function createHttpsFront(
  identity: ServerIdentity,
  handler: HttpHandler,
  frontPage: string,
): HttpsFront {
  const counters = new Counters();
  const pages: Readonly<Record<string, string>> = { '/': frontPage, '/robots.txt': ROBOTS };
  const server = createServer(
    {
      ...secureContextOf(identity),
      ALPNProtocols: ['http/1.1'], // HTTP/2 can't give the socket up
      handshakeTimeout: TLS_HANDSHAKE_MS,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    },
    (request, response) => {
      if (handler.handleRequest(request, response)) return;
      const page = pages[request.url ?? '/'];
      counters.add(page === undefined ? 'http-not-found' : 'http-page');
      response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/plain' });
      response.end(page ?? 'not found\n');
    },
  );
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (handler.handleUpgrade(request, socket, head)) return;
    counters.add('upgrade-not-found');
    hangUp(socket, refusal('404 Not Found', 'not found'));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (socket.writableEnded) return; // it has its answer, and still talks
    const { reason, status } = judge(error.code ?? '');
    counters.add(reason);
    if (status === undefined || !socket.writable) socket.destroy();
    else
      socket.end(refusal(status, 'this is not HTTP as it is spoken here'), () => socket.destroy());
  });
  return { server, counters };
}

/** What connections are made by from now on; those that stand go on. */
export function setIdentity(server: Server, identity: ServerIdentity): void {
  server.setSecureContext(secureContextOf(identity));
}

function secureContextOf({ certificatePem, privateKeyPem }: ServerIdentity) {
  return { cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.2' } as const;
}

/** What an error before a request is called, and what HTTP answers to it. */
function judge(code: string): { readonly reason: string; readonly status?: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { reason: 'http-timeout', status: '408 Request Timeout' };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { reason: 'http-too-long', status: '431 Request Header Fields Too Large' };
  }
  if (code.startsWith('HPE_')) return { reason: 'http-malformed', status: '400 Bad Request' };
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return { reason: 'tls-timeout' };
  if (code === 'ECONNRESET' || code === 'EPIPE') return { reason: 'connection-reset' };
  return { reason: 'tls-failed' };
}
