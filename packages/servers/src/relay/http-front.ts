/**
 * Plain HTTP beside the TLS port, for one question: is there a captive portal between a client and us? Official
 * clients ask it on port 80 of relays that say CanPort80.
 *
 *     any /generate_204  ->  204, with the challenge's echo
 *     anything else      ->  404: nothing of value travels in clear text
 */
import { createServer, type Server } from 'node:http';
import { type ListenAddress, listenTcp } from '../listen.js';
import { answerRelayRequest, pathOf } from './http-endpoints.js';

/** The port that clients ask; another one is for proxies in front, and not announced. */
export const PLAIN_HTTP_PORT = 80;
/** A question is one segment and its answer another. */
const REQUEST_MS = 10_000;

export interface HttpFront {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens; rejects with a ListenError. */
export async function startHttpFront(at: ListenAddress): Promise<HttpFront> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: 1 },
    (request, response) => {
      if (pathOf(request) === '/generate_204' && answerRelayRequest(request, response)) return;
      response.writeHead(404, { 'Content-Type': 'text/plain', Connection: 'close' });
      response.end('not found\n');
    },
  );
  server.on('clientError', (_error, socket) => socket.destroy());
  const port = await listenTcp(server, at);
  return { port, close: () => closeAll(server) };
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
