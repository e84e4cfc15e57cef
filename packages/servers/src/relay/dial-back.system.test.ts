import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { decodeBindingIndication } from '@warren/core/stun/indication';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { parsePin } from '@warren/shell/tls/pins';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoopbackClient } from './loopback-client.js';
import { type RunningRelay, runRelay } from './run-relay.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const token = random.fill(new Uint8Array(12));

let stateDir = '';
const closing: (() => unknown)[] = [];

beforeEach(() => {
  stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-dial-back-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  fs.rmSync(stateDir, { recursive: true, force: true });
});

async function start(
  stunPort: number | undefined,
  stunAlternatePort?: number,
): Promise<[RunningRelay, LoopbackClient]> {
  const relay = await runRelay({
    crypto,
    random,
    clock: systemClock,
    log: silentLogger,
    port: 0,
    stunPort,
    ...(stunAlternatePort === undefined ? {} : { stunAlternatePort }),
    hostName: '127.0.0.1',
    stateDir,
    regionId: 900,
    regionCode: 'test',
    regionName: 'Test',
  });
  closing.unshift(() => relay.close());
  const pin = parsePin(relay.region.Nodes[0]?.CertName ?? '');
  if (pin === undefined) throw new Error('a region carries a pin');
  const client = await LoopbackClient.connect({ crypto, random, port: relay.port, pin });
  closing.unshift(() => client.socket.destroy());
  return [relay, client];
}

async function silentSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  closing.unshift(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

test('a silent UDP port hears the relay it asked, from its STUN port, and is told so', async () => {
  const [relay, client] = await start(0);
  expect(client.heard).toMatchObject([{ type: 'ready', dialsBack: true }]);
  const socket = await silentSocket();
  const { port } = socket.address();
  const arrived = once(socket, 'message');
  client.tell({ type: 'dial-back', token, port });
  const [bytes, from] = (await arrived) as [Buffer, { address: string; port: number }];
  expect(decodeBindingIndication(bytes)).toEqual(token);
  expect(from).toMatchObject({ address: '127.0.0.1', port: relay.stunPort });
  await client.until(() => client.heard.length === 2);
  expect(client.heard[1]).toMatchObject({
    type: 'dial-back-answer',
    outcome: 'sent',
    target: `127.0.0.1:${port}`,
  });
  expect(relay.stats().counters).toMatchObject({ 'dial-back-sent': 1 });
});

test.each([
  ['its alternate port', 0],
  ['its usual port, having no other', undefined],
])('a wish for the alternate port is met from %s', async (_from, alternate) => {
  const [relay, client] = await start(0, alternate);
  const socket = await silentSocket();
  const arrived = once(socket, 'message');
  const { port } = socket.address();
  client.tell({ type: 'dial-back', token, port, fromAlternate: true });
  const [, from] = (await arrived) as [Buffer, { port: number }];
  expect(from.port === relay.stunPort).toBe(alternate === undefined);
});

test('a relay without STUN offers nothing', async () => {
  const [, client] = await start(undefined);
  expect(client.heard).toMatchObject([{ type: 'ready', dialsBack: false }]);
});
