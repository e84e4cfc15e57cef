/**
 * The relay's HTTP side, apart from the frames.
 *
 *     /derp                               GET with Upgrade: DERP -> 101 and frames; without -> 426
 *     /derp/probe, /derp/latency-check    GET, HEAD -> 200, empty, any origin; others 405
 *     /generate_204                       any -> 204; echoes a challenge (captive portals can't)
 *
 * Source: official relays' endpoints, as clients probe them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** 1 to 64 characters that need no escaping anywhere; anything else gets no answer. */
const CHALLENGE = /^[A-Za-z0-9.\-_:]{1,64}$/;

const UPGRADE_REQUIRED = 'DERP requires connection upgrade';

/** The path of a request without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function methodNotAllowed(response: ServerResponse, allowed: string): void {
  response.writeHead(405, { Allow: allowed, 'Content-Type': 'text/plain' });
  response.end('method not allowed\n');
}

function answerProbe(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    methodNotAllowed(response, 'GET, HEAD');
    return;
  }
  response.writeHead(200, { 'Access-Control-Allow-Origin': '*', 'Content-Length': 0 });
  response.end();
}

function answerChallenge(request: IncomingMessage, response: ServerResponse): void {
  const challenge = request.headers['x-tailscale-challenge'];
  response.setHeader(
    'Cache-Control',
    'no-cache, no-store, must-revalidate, no-transform, max-age=0',
  );
  if (typeof challenge === 'string' && CHALLENGE.test(challenge)) {
    response.setHeader('X-Tailscale-Response', `response ${challenge}`);
  }
  response.writeHead(204);
  response.end();
}

function answerWithoutUpgrade(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET') {
    methodNotAllowed(response, 'GET');
    return;
  }
  response.writeHead(426, { Upgrade: 'DERP', Connection: 'Upgrade', 'Content-Type': 'text/plain' });
  response.end(`${UPGRADE_REQUIRED}\n`);
}

/** Answers a plain request if it is the relay's; false: it is somebody else's, and nothing was written. */
export function answerRelayRequest(request: IncomingMessage, response: ServerResponse): boolean {
  switch (pathOf(request)) {
    case '/derp':
      answerWithoutUpgrade(request, response);
      return true;
    case '/derp/probe':
    case '/derp/latency-check':
      answerProbe(request, response);
      return true;
    case '/generate_204':
      answerChallenge(request, response);
      return true;
    default:
      return false;
  }
}

/** The response that refuses an upgrade request; undefined: it may become a relay connection. */
export function refusedUpgrade(request: IncomingMessage): string | undefined {
  if (request.method !== 'GET') return refusal('405 Method Not Allowed', 'method not allowed');
  if (request.headers.upgrade?.toLowerCase() === 'derp') return undefined;
  return refusal('426 Upgrade Required', UPGRADE_REQUIRED);
}

/** A whole response for a socket that the HTTP server has given up. */
export function refusal(status: string, text: string): string {
  const upgrade = status.startsWith('426') ? 'Upgrade: DERP\r\n' : '';
  return (
    `HTTP/1.1 ${status}\r\n${upgrade}Connection: close\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${text.length + 1}\r\n\r\n${text}\n`
  );
}

/** The response head that turns the connection into frames. Empty when the client knows our key already. */
export function switchingProtocols(request: IncomingMessage, publicKey: string): string {
  if (request.headers['derp-fast-start'] === '1') return '';
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n' +
    `Derp-Version: 2\r\nDerp-Public-Key: ${publicKey}\r\n\r\n`
  );
}
