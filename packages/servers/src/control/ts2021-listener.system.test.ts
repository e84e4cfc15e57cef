import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { isFailure } from '@warren/core/base/failure';
import { encodeBase64 } from '@warren/core/base/text';
import { generatePrivateKey, type MachineKey } from '@warren/core/keys/keys';
import { ClientSession } from '@warren/core/ts2021/client-session';
import { decodeResponse, HandshakeRefused } from '@warren/core/ts2021/frames';
import { createInitiation } from '@warren/core/ts2021/initiator';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { RecordDuplex } from '@warren/shell/ts2021/record-duplex';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Ts2021Listener } from './ts2021-listener.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

let server: Server;
let listener: Ts2021Listener;
let port: number;
const sockets: Socket[] = [];
/** Paths that clients asked for. */
const asked: string[] = [];

/** A listener with its real times, unless a test shortens them. */
async function start(times: { proveMs?: number; guestMs?: number } = {}): Promise<void> {
  listener = new Ts2021Listener({
    crypto,
    random,
    clock: systemClock,
    log: silentLogger,
    privateKey: generatePrivateKey('machine', random),
    times,
    onRequest: (connection, stream, headers) => {
      asked.push(headers[':path'] ?? '');
      if (headers[':path'] === '/join') connection.admitted();
      stream.respond({ ':status': 200 });
      stream.end();
    },
  });
  server = createServer((request, response) => {
    if (!listener.handleRequest(request, response)) response.writeHead(404).end();
  });
  server.on('upgrade', (request, socket, head) => listener.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
}

async function stop(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  listener.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function restart(times: { proveMs?: number; guestMs?: number }): Promise<void> {
  await stop();
  await start(times);
}

beforeEach(() => start());
afterEach(() => stop());

/** Sends raw text and collects everything until the server closes or `ms` passed. */
function exchange(
  text: string,
  ms = 2000,
): Promise<{ text: string; bytes: Buffer; closed: boolean }> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    sockets.push(socket);
    const parts: Buffer[] = [];
    const done = (closed: boolean): void => {
      clearTimeout(timer);
      const bytes = Buffer.concat(parts);
      resolve({ text: bytes.toString('latin1'), bytes, closed });
    };
    const timer = setTimeout(() => done(false), ms);
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => undefined);
    socket.on('close', () => done(true));
  });
}

function upgrade(message1: string, protocol = 'tailscale-control-protocol'): string {
  return (
    `POST /ts2021 HTTP/1.1\r\nHost: x\r\nUpgrade: ${protocol}\r\nConnection: upgrade\r\n` +
    `X-Tailscale-Handshake: ${message1}\r\nContent-Length: 0\r\n\r\n`
  );
}

function message1(version = 113, serverKey: MachineKey = listener.publicKey): string {
  const machinePrivateKey = generatePrivateKey('machine', random);
  const initiation = createInitiation({ crypto, random, machinePrivateKey, serverKey, version });
  if (isFailure(initiation)) throw new Error(initiation.reason);
  return encodeBase64(initiation.bytes);
}

const bodyOf = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);

async function get(path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text() };
}

test('the key is given to clients that say their version', async () => {
  expect(await get('/key?v=113')).toEqual({
    status: 200,
    body: JSON.stringify({
      legacyPublicKey: `mkey:${'0'.repeat(64)}`,
      publicKey: `mkey:${listener.publicKey}`,
    }),
  });
  expect((await get('/key')).status).toBe(400);
  expect((await get('/elsewhere')).status).toBe(404);
});

test('who asks for the key again and again is told to wait', async () => {
  let answer = await fetch(`http://127.0.0.1:${port}/key?v=113`);
  for (let count = 0; count < 2000 && answer.status === 200; count++) {
    await answer.text();
    answer = await fetch(`http://127.0.0.1:${port}/key?v=113`);
  }
  expect(answer.status).toBe(429);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('a request that lost its Upgrade header is told about proxies', async () => {
  const response = await fetch(`http://127.0.0.1:${port}/ts2021`, { method: 'POST' });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain('proxy');
});

test.each([
  ['a wrong protocol', () => upgrade(message1(), 'websocket')],
  ['no handshake', () => upgrade('').replace(/X-Tailscale-Handshake: \r\n/, '')],
  ['a handshake that is no base64', () => upgrade('%%%')],
])('%s is a 400 and no more', async (_, request) => {
  const answer = await exchange(request());
  expect(answer.text).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer.closed).toBe(true);
});

test.each([
  ['random bytes', () => encodeBase64(random.fill(new Uint8Array(101))), 'the handshake failed'],
  ['a handshake for another server', () => message1(113, 'ab'.repeat(32) as MachineKey), 'failed'],
  ['a version that is too old', () => message1(105), 'too old'],
])('%s gets an error frame with words and an end', async (_, make, words) => {
  const answer = await exchange(upgrade(make()));
  expect(answer.text).toMatch(/^HTTP\/1\.1 101 /);
  const refused = decodeResponse(bodyOf(answer.bytes));
  expect(refused).toBeInstanceOf(HandshakeRefused);
  expect((refused as HandshakeRefused).text).toContain(words);
  expect(answer.closed).toBe(true);
});

test('a client that proves nothing after the handshake is ended in time', async () => {
  await restart({ proveMs: 300 });
  const started = Date.now();
  const answer = await exchange(upgrade(message1()), 10_000);
  expect(answer.text).toMatch(/^HTTP\/1\.1 101 /);
  expect(answer.closed).toBe(true);
  expect(Date.now() - started).toBeGreaterThanOrEqual(250);
  expect(listener.counters.get('ts2021-unproven')).toBe(1);
});

test('forged records end the connection', async () => {
  const record = Buffer.concat([Buffer.from([4, 0, 20]), Buffer.alloc(20, 7)]).toString('latin1');
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(upgrade(message1()) + record, 'latin1');
  await closed;
  expect(listener.size).toBe(0);
});

/** A whole client connection: HTTP/2 inside Noise. */
function connectWhole(
  machinePrivateKey = generatePrivateKey('machine', random),
  toPort = port,
): Promise<Session> {
  const initiation = createInitiation({
    crypto,
    random,
    machinePrivateKey,
    serverKey: listener.publicKey,
    version: 113,
  });
  if (isFailure(initiation)) throw new Error(initiation.reason);
  const client = new ClientSession(initiation);
  const socket = connect(toPort, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.write(upgrade(encodeBase64(initiation.bytes)));
  return new Promise((resolve) => {
    let isUpgraded = false;
    const onData = (bytes: Buffer): void => {
      const rest = isUpgraded ? bytes : bodyOf(bytes);
      isUpgraded = true;
      const plaintext = client.open(rest);
      if (isFailure(plaintext)) throw new Error(plaintext.reason);
      if (!client.ready) return;
      socket.off('data', onData);
      const duplex = new RecordDuplex(socket, client, plaintext);
      const session = connectHttp2('https://x', { createConnection: () => duplex });
      session.on('error', () => undefined);
      resolve({ session, closed: once(session, 'close') });
    };
    socket.on('data', onData);
  });
}

interface Session {
  readonly session: ClientHttp2Session;
  readonly closed: Promise<unknown>;
}

async function ask({ session }: Session, path: string): Promise<void> {
  const stream = session.request({ ':path': path });
  stream.resume();
  await once(stream, 'close');
}

test('a guest may talk for a while, a member for ever', async () => {
  await restart({ guestMs: 1500 });
  const guest = await connectWhole();
  const member = await connectWhole();
  await ask(guest, '/look');
  await ask(member, '/join');
  await guest.closed;
  expect(listener.counters.get('ts2021-guest-too-long')).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await ask(member, '/look');
  expect(listener.size).toBe(1);
});

test('one machine holds no more than eight connections; the oldest gives way', async () => {
  const key = generatePrivateKey('machine', random);
  const made: Session[] = [];
  for (let i = 0; i < 9; i++) {
    const session = await connectWhole(key);
    await ask(session, '/join');
    made.push(session);
  }
  await made[0]?.closed;
  expect(listener.size).toBe(8);
  await ask(made[8] as Session, '/look');
});

test('one source holds no more than 64 guests', async () => {
  const answers = await Promise.all(
    Array.from({ length: 80 }, () => exchange(upgrade(message1()), 5000)),
  );
  const refused = answers.filter((answer) => answer.text.startsWith('HTTP/1.1 429'));
  expect(refused).toHaveLength(16);
  expect(refused[0]?.text).toContain('Retry-After: 5');
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const later = await exchange(upgrade(message1()), 1000);
  expect(later.text).toMatch(/^HTTP\/1\.1 101 /);
});

/** Somebody on the line: keeps what the client says, and may say any part of it once more. */
async function eavesdrop(): Promise<{
  readonly port: number;
  readonly heard: Buffer[];
  repeat(): void;
}> {
  const heard: Buffer[] = [];
  let onward: Socket | undefined;
  const line = createTcpServer((socket) => {
    const out = connect(port, '127.0.0.1');
    onward = out;
    sockets.push(socket, out);
    for (const end of [socket, out]) end.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard.push(Buffer.from(bytes));
      out.write(bytes);
    });
    out.pipe(socket);
    socket.on('close', () => out.destroy());
  });
  await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve));
  line.unref();
  const repeat = (): void => void onward?.write(heard.at(-1) ?? Buffer.alloc(0));
  return { port: (line.address() as AddressInfo).port, heard, repeat };
}

test('a connection that somebody overheard, played again, gets nowhere', async () => {
  const line = await eavesdrop();
  const whole = await connectWhole(undefined, line.port);
  await ask(whole, '/join');
  const before = asked.length;
  const answer = await exchange(Buffer.concat(line.heard).toString('latin1'), 5000);
  // The server's own part of the keys is new: the handshake is answered, no record opens.
  expect(answer.text).toMatch(/^HTTP\/1\.1 101 /);
  expect(answer.closed).toBe(true);
  expect(asked).toHaveLength(before);
});

test('a record that comes twice ends the connection before anything in it counts twice', async () => {
  const line = await eavesdrop();
  const whole = await connectWhole(undefined, line.port);
  await ask(whole, '/join');
  const before = asked.length;
  line.repeat();
  await whole.closed;
  expect(asked).toHaveLength(before);
  expect(listener.size).toBe(0);
});
