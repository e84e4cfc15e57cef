/**
 * Somebody who means no good, as a process: floods of datagrams that look like what a node or a STUN server
 * takes, and connections that say nonsense at each stage of a hub's port.
 *
 *     node hostile-sender.js udp ADDRESS PORT SECONDS      prints {"sent": N}
 *     node hostile-sender.js tls ADDRESS ROUNDS            prints {"connections": N}
 *     node hostile-sender.js stun ADDRESS PORT             asks as a node does; prints {"mapped": "ip:port"}
 */
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { isFailure } from '@warren/core/base/failure';
import { decodeBindingResponse, encodeBindingRequest } from '@warren/core/stun/binding';

/** Source ports: a table by source must not grow with them for ever. */
const SOCKETS = 200;
/** Datagrams at once, and the pause after them: about 6,000 a second. */
const BURST = 60;
const PAUSE_MS = 10;
const LARGEST_BYTES = 1400;
/** A connection that the hub leaves open is closed by us after this. */
const LINGER_MS = 300;
const HTTPS_PORT = 443;
const TRANSACTION_ID_BYTES = 12;

/** WireGuard's messages by type, with their true sizes: only a closer look shows that they are noise. */
const WIREGUARD_BYTES = { 1: 148, 2: 92, 3: 64, 4: 96 } as const;

function wireGuardNoise(): Buffer {
  const type = randomInt(1, 5) as keyof typeof WIREGUARD_BYTES;
  const bytes = randomBytes(WIREGUARD_BYTES[type]);
  bytes.writeUInt32LE(type, 0);
  return bytes;
}

function discoNoise(): Buffer {
  return Buffer.concat([Buffer.from('TS\u{1f4ac}'), randomBytes(randomInt(0, 200))]);
}

/** Binding requests and answers, right up to their attributes or cut off anywhere. */
function stunNoise(): Buffer {
  const bytes = randomBytes(randomInt(20, 120));
  bytes.writeUInt16BE(randomInt(0, 2) === 0 ? 0x0001 : 0x0101, 0);
  bytes.writeUInt16BE(randomInt(0, 3) === 0 ? bytes.length - 20 : randomInt(0, 0xffff), 2);
  bytes.writeUInt32BE(0x2112a442, 4);
  return bytes;
}

const KINDS = [
  wireGuardNoise,
  discoNoise,
  stunNoise,
  () => randomBytes(randomInt(0, LARGEST_BYTES)),
] as const;

async function flood(address: string, port: number, seconds: number): Promise<number> {
  const sockets: UdpSocket[] = [];
  for (let i = 0; i < SOCKETS; i++) {
    const socket = createSocket('udp4');
    socket.bind(0);
    await once(socket, 'listening');
    sockets.push(socket);
  }
  let sent = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    for (let i = 0; i < BURST; i++) {
      const make = KINDS[sent % KINDS.length] ?? wireGuardNoise;
      sockets[sent % SOCKETS]?.send(make(), port, address, () => undefined);
      sent++;
    }
    await sleep(PAUSE_MS);
  }
  for (const socket of sockets) socket.close();
  return sent;
}

/** What an honest node gets, from wherever this runs. */
async function askStun(address: string, port: number): Promise<string> {
  const socket = createSocket('udp4');
  socket.bind(0);
  const answer = once(socket, 'message') as Promise<[Buffer]>;
  socket.send(encodeBindingRequest(randomBytes(TRANSACTION_ID_BYTES)), port, address);
  const [bytes] = await answer;
  socket.close();
  const response = decodeBindingResponse(bytes);
  if (isFailure(response)) throw new Error(`the answer makes no sense: ${response.reason}`);
  return response.mapped;
}

const request = (lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

/** What is said inside TLS, each followed by noise. */
const OPENINGS: readonly string[] = [
  '',
  request(['GET / HTTP/1.1', 'Host: hub']),
  request(['GET /no-such-page HTTP/1.1', 'Host: hub']),
  request(['GET /key?v=x HTTP/1.1', 'Host: hub']),
  request(['GET /derp HTTP/1.1', 'Host: hub', 'Upgrade: DERP', 'Connection: Upgrade']),
  request([
    ...['GET /derp HTTP/1.1', 'Host: hub', 'Upgrade: DERP', 'Connection: Upgrade'],
    'Derp-Fast-Start: 1',
  ]),
  request(['GET /other HTTP/1.1', 'Host: hub', 'Upgrade: DERP', 'Connection: Upgrade']),
  request([
    ...['POST /ts2021 HTTP/1.1', 'Host: hub', 'Upgrade: tailscale-control-protocol'],
    'Connection: upgrade',
  ]),
  request([
    ...['POST /ts2021 HTTP/1.1', 'Host: hub', 'Upgrade: tailscale-control-protocol'],
    ...['Connection: upgrade', `X-Tailscale-Handshake: ${randomBytes(101).toString('base64')}`],
  ]),
  request(['GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`]),
];

/** Says something, then noise, and waits for what becomes of it. */
async function harass(socket: Socket, opening: string): Promise<void> {
  socket.on('error', () => undefined);
  const closed = once(socket, 'close').catch(() => undefined);
  socket.resume();
  socket.write(opening);
  socket.write(randomBytes(randomInt(1, 8192)));
  await Promise.race([closed, sleep(LINGER_MS)]);
  socket.destroy();
}

async function dial(address: string): Promise<Socket | undefined> {
  const socket = connectTls({ host: address, port: HTTPS_PORT, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  return Promise.race([
    once(socket, 'secureConnect').then(() => socket),
    once(socket, 'close').then(() => undefined),
  ]);
}

async function nonsense(address: string, rounds: number): Promise<number> {
  let connections = 0;
  for (let round = 0; round < rounds; round++) {
    await Promise.all([
      harass(connectTcp(HTTPS_PORT, address), ''),
      ...OPENINGS.map(async (opening) => {
        const socket = await dial(address);
        if (socket !== undefined) await harass(socket, opening);
        connections++;
      }),
    ]);
    connections++;
  }
  return connections;
}

const [kind, address = '', ...rest] = process.argv.slice(2);
const [first = 0, second = 0] = rest.map(Number);
const result =
  kind === 'udp'
    ? { sent: await flood(address, first, second) }
    : kind === 'tls'
      ? { connections: await nonsense(address, first) }
      : { mapped: await askStun(address, first) };
process.stdout.write(`${JSON.stringify(result)}\n`);
