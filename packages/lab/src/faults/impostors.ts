/**
 * Servers that are no hub, for people who type the wrong address and for worse: a process that plays all of
 * them, each on a port of its own.
 *
 *     node impostors.js ADDRESS      prints {"pin": "sha256-raw:..."} once all listen
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import { setInterval } from 'node:timers';
import { wallTime } from '@warren/core/base/instant';
import { formatPublicKey, generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { IMPOSTOR_PORTS } from './impostor-ports.js';

const address = process.argv[2] ?? '127.0.0.1';
const identity = makeSelfSigned([address], wallTime(Date.now()));
const tls = { cert: identity.certificatePem, key: identity.privateKeyPem };
const random = createNodeRandom();
const controlKey = publicKeyOf(
  createNodeCrypto(),
  'machine',
  generatePrivateKey('machine', random),
);
const keyAnswer = JSON.stringify({ publicKey: formatPublicKey('machine', controlKey) });
/** More than any handshake needs, to see that nobody swallows it all. */
const FLOOD_BYTES = 64 * 1024;
const DRIP_MS = 500;

function ignoreErrors(socket: Socket): Socket {
  return socket.on('error', () => undefined);
}

const web = createHttps(tls, (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>It works!</h1>');
});

const plain = createHttp((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>It works!</h1>');
});

const garbage = createTcp((socket) => {
  ignoreErrors(socket).write(randomBytes(FLOOD_BYTES));
});

const silent = createTcp((socket) => {
  ignoreErrors(socket).resume();
});

const closing = createTcp((socket) => {
  ignoreErrors(socket).end();
});

/** A control server as far as GET /key goes; what follows the upgrade is noise. */
const halfControl = createHttps(tls, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(keyAnswer);
});
halfControl.on('upgrade', (_request, socket: Socket) => {
  ignoreErrors(socket).write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: tailscale-control-protocol\r\nConnection: upgrade\r\n\r\n',
  );
  socket.write(randomBytes(FLOOD_BYTES));
});

/** Answers GET /key a byte at a time, for ever: every silence is short. */
const dripping = createHttps(tls, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), DRIP_MS);
  response.on('close', () => clearInterval(timer));
});

const servers: Readonly<Record<keyof typeof IMPOSTOR_PORTS, Server>> = {
  web,
  plain,
  garbage,
  silent,
  closing,
  halfControl,
  dripping,
};
for (const [name, port] of Object.entries(IMPOSTOR_PORTS)) {
  const server = servers[name as keyof typeof IMPOSTOR_PORTS];
  server.listen(port, '0.0.0.0');
  await once(server, 'listening');
}
process.stdout.write(
  `${JSON.stringify({ pin: identity.pin, controlKey: formatPublicKey('machine', controlKey) })}\n`,
);
