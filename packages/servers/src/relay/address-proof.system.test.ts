/** A token from a real relay's STUN socket, and the same relay's word on it over its TLS connection. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { isFailure } from '@warren/core/base/failure';
import type { AddressCheckOutcome } from '@warren/core/engines/address-check';
import type { IpAddress } from '@warren/core/ip/address';
import {
  type BindingResponse,
  decodeBindingResponse,
  encodeBindingRequest,
  encodeTokenRequest,
} from '@warren/core/stun/binding';
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
const here = '127.0.0.1' as IpAddress;
const elsewhere = '203.0.113.9' as IpAddress;

let stateDir = '';
const closing: (() => unknown)[] = [];

beforeEach(() => {
  stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-address-proof-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  fs.rmSync(stateDir, { recursive: true, force: true });
});

async function start(name: string): Promise<[RunningRelay, LoopbackClient]> {
  const relay = await runRelay({
    crypto,
    random,
    clock: systemClock,
    log: silentLogger,
    port: 0,
    stunPort: 0,
    hostName: '127.0.0.1',
    stateDir: path.join(stateDir, name),
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

async function udpSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  closing.unshift(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** Asks the relay's STUN server; on loopback nothing is lost. */
async function ask(
  relay: RunningRelay,
  encode: typeof encodeTokenRequest,
): Promise<{ readonly bytes: number; readonly asked: number; readonly response: BindingResponse }> {
  const socket = await udpSocket();
  const request = encode(random.fill(new Uint8Array(12)));
  const arrived = once(socket, 'message');
  socket.send(request, relay.stunPort ?? 0, '127.0.0.1');
  const [bytes] = (await arrived) as [Buffer];
  const response = decodeBindingResponse(bytes, { allowLoopback: true });
  if (isFailure(response)) throw new Error(response.reason);
  return { bytes: bytes.length, asked: request.length, response };
}

async function tokenOf(relay: RunningRelay): Promise<Uint8Array> {
  const { response } = await ask(relay, encodeTokenRequest);
  if (response.addressToken === undefined) throw new Error('a relay of ours gives a token');
  return response.addressToken;
}

async function wordOn(
  client: LoopbackClient,
  address: IpAddress,
  token: Uint8Array,
): Promise<AddressCheckOutcome> {
  const id = random.fill(new Uint8Array(8));
  const answers = () => client.heard.filter((output) => output.type === 'address-check-answer');
  const before = answers().length;
  client.tell({ type: 'check-address', id, address, token });
  await client.until(() => answers().length > before);
  const answer = answers().at(-1);
  expect(answer?.id).toEqual(id);
  return answer?.outcome ?? 'refused';
}

test('a relay confirms the token that it gave, to anybody and for that address alone', async () => {
  const [relay, client] = await start('one');
  const token = await tokenOf(relay);
  expect(await wordOn(client, here, token)).toBe('yes');
  expect(await wordOn(client, elsewhere, token)).toBe('no');
  const { counters, stun } = relay.stats();
  expect(counters).toMatchObject({ 'address-check-yes': 1, 'address-check-no': 1 });
  expect(stun).toMatchObject({ 'tokens-given': 1, answered: 1 });
});

test('a forged token, and that of another relay, are worth nothing', async () => {
  const [one, client] = await start('one');
  const [other] = await start('other');
  expect(await wordOn(client, here, random.fill(new Uint8Array(16)))).toBe('no');
  expect(await wordOn(client, here, await tokenOf(other))).toBe('no');
  const damaged = (await tokenOf(one)).slice();
  damaged[15] = (damaged[15] ?? 0) ^ 1;
  expect(await wordOn(client, here, damaged)).toBe('no');
});

test('the answer is shorter than the question, and stock questions have stock answers', async () => {
  const [relay] = await start('one');
  const withToken = await ask(relay, encodeTokenRequest);
  expect([withToken.asked, withToken.bytes]).toEqual([64, 52]);
  const stock = await ask(relay, encodeBindingRequest);
  expect([stock.asked, stock.bytes]).toEqual([40, 32]);
  expect(stock.response.addressToken).toBeUndefined();
});

test('a flood of questions is refused after sixteen, and the connection lives on', async () => {
  const [relay, client] = await start('one');
  const token = await tokenOf(relay);
  const id = new Uint8Array(8);
  for (let i = 0; i < 500; i++) client.tell({ type: 'check-address', id, address: here, token });
  const answers = () => client.heard.filter((output) => output.type === 'address-check-answer');
  await client.until(() => answers().length === 500);
  const confirmed = answers().filter(({ outcome }) => outcome === 'yes').length;
  expect(confirmed).toBeGreaterThanOrEqual(16);
  expect(confirmed).toBeLessThan(100); // one more a second, on a busy machine too
  expect(client.socket.destroyed).toBe(false);
});
