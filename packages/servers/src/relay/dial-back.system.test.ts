import { once } from 'node:events';
import { decodeBindingIndication } from '@warren/core/stun/indication';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoopbackRelays } from './loopback-relays.js';

const random = createNodeRandom();
const token = random.fill(new Uint8Array(12));

let relays: LoopbackRelays;

beforeEach(() => {
  relays = new LoopbackRelays();
});
afterEach(() => relays.close());

test('a silent UDP port hears the relay it asked, from its STUN port, and is told so', async () => {
  const [relay, client] = await relays.start({ stunPort: 0 });
  expect(client.heard).toMatchObject([{ type: 'ready', dialsBack: true }]);
  const socket = await relays.udpSocket();
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
  const [relay, client] = await relays.start({ stunPort: 0, stunAlternatePort: alternate });
  const socket = await relays.udpSocket();
  const arrived = once(socket, 'message');
  const { port } = socket.address();
  client.tell({ type: 'dial-back', token, port, fromAlternate: true });
  const [, from] = (await arrived) as [Buffer, { port: number }];
  expect(from.port === relay.stunPort).toBe(alternate === undefined);
});

test('a relay without STUN offers nothing', async () => {
  const [, client] = await relays.start({ stunPort: undefined });
  expect(client.heard).toMatchObject([{ type: 'ready', dialsBack: false }]);
});
