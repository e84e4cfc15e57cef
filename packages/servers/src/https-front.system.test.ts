import { once } from 'node:events';
import { request } from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { wallTime } from '@warren/core/base/instant';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpsFront, type HttpsFront } from './https-front.js';

let front: HttpsFront;
let port: number;

beforeEach(async () => {
  const identity = makeSelfSigned(['127.0.0.1'], wallTime(Date.now()));
  const nobody = { handleRequest: () => false, handleUpgrade: () => false };
  front = createHttpsFront(identity, nobody, 'front\n');
  front.server.listen(0, '127.0.0.1');
  await once(front.server, 'listening');
  ({ port } = front.server.address() as AddressInfo);
});

afterEach(async () => {
  front.server.close();
  front.server.closeAllConnections();
  await once(front.server, 'close');
});

async function tls(): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return socket;
}

/** Everything that the server says until it closes. */
async function answerTo(text: string | Uint8Array): Promise<string> {
  const socket = await tls();
  socket.write(text);
  let answer = '';
  for await (const part of socket) answer += String(part);
  return answer;
}

test('a page is served, others are not found', async () => {
  const status = (path: string): Promise<number | undefined> =>
    new Promise((resolve) => {
      request({ host: '127.0.0.1', port, path, rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
  expect([await status('/'), await status('/x')]).toEqual([200, 404]);
  expect(front.counters.snapshot()).toEqual({ 'http-page': 1, 'http-not-found': 1 });
});

test('what is not TLS is counted and cut off', async () => {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  await expect.poll(() => front.counters.snapshot()).toEqual({ 'tls-failed': 1 });
});

test('what is not HTTP is counted and told so', async () => {
  expect(await answerTo(new Uint8Array(100).fill(0xfe))).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(await answerTo(`GET / HTTP/1.1\r\nx: ${'x'.repeat(40_000)}`)).toMatch(
    /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/,
  );
  expect(front.counters.snapshot()).toEqual({ 'http-malformed': 1, 'http-too-long': 1 });
});

test('an upgrade that nobody knows is refused', async () => {
  const lines = ['GET /x HTTP/1.1', 'Host: x', 'Upgrade: x', 'Connection: Upgrade', '', ''];
  expect(await answerTo(lines.join('\r\n'))).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(front.counters.snapshot()).toEqual({ 'upgrade-not-found': 1 });
});

test('a refused upgrade leaves no connection behind, however much noise follows it', async () => {
  const lines = ['GET /x HTTP/1.1', 'Host: x', 'Upgrade: x', 'Connection: Upgrade', '', ''];
  for (let i = 0; i < 10; i++) {
    const socket = await tls();
    socket.on('error', () => undefined);
    socket.write(lines.join('\r\n'));
    socket.write(new Uint8Array(8192));
    if (i % 2 === 0) socket.destroy();
  }
  const connections = (): Promise<number> =>
    new Promise((resolve) => front.server.getConnections((_error, count) => resolve(count)));
  await expect.poll(connections, { timeout: 5000 }).toBe(0);
  expect(front.counters.get('upgrade-not-found')).toBe(10);
});

test('a client that resets in the middle is counted', async () => {
  const tcp = connectTcp(port, '127.0.0.1');
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  socket.write('GET / HT');
  tcp.resetAndDestroy();
  await expect
    .poll(() => Object.values(front.counters.snapshot()).reduce((sum, count) => sum + count, 0))
    .toBe(1);
});
