/** A token from a real relay's STUN socket, and the same relay's word on it over its TLS connection. */
import { once } from 'node:events';
import { isFailure } from '@warren/core/base/failure';
import type { AddressCheckOutcome } from '@warren/core/engines/address-check';
import type { IpAddress } from '@warren/core/ip/address';
import {
  type BindingResponse,
  decodeBindingResponse,
  encodeBindingRequest,
  encodeTokenRequest,
} from '@warren/core/stun/binding';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LoopbackClient } from './loopback-client.js';
import { LoopbackRelays } from './loopback-relays.js';
import type { RunningRelay } from './run-relay.js';

const random = createNodeRandom();
const here = '127.0.0.1' as IpAddress;
const elsewhere = '203.0.113.9' as IpAddress;

let relays: LoopbackRelays;

beforeEach(() => {
  relays = new LoopbackRelays();
});
afterEach(() => relays.close());

/** Asks the relay's STUN server; on loopback nothing is lost. */
async function ask(
  relay: RunningRelay,
  encode: typeof encodeTokenRequest,
): Promise<{ readonly bytes: number; readonly asked: number; readonly response: BindingResponse }> {
  const socket = await relays.udpSocket();
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
  const [relay, client] = await relays.start({ stunPort: 0 });
  const token = await tokenOf(relay);
  expect(await wordOn(client, here, token)).toBe('yes');
  expect(await wordOn(client, elsewhere, token)).toBe('no');
  const { counters, stun } = relay.stats();
  expect(counters).toMatchObject({ 'address-check-yes': 1, 'address-check-no': 1 });
  expect(stun).toMatchObject({ 'tokens-given': 1, answered: 1 });
});

test('a forged token, and that of another relay, are worth nothing', async () => {
  const [one, client] = await relays.start({ stunPort: 0 });
  const [other] = await relays.start({ stunPort: 0 });
  expect(await wordOn(client, here, random.fill(new Uint8Array(16)))).toBe('no');
  expect(await wordOn(client, here, await tokenOf(other))).toBe('no');
  const damaged = (await tokenOf(one)).slice();
  damaged[15] = (damaged[15] ?? 0) ^ 1;
  expect(await wordOn(client, here, damaged)).toBe('no');
});

test('the answer is shorter than the question, and stock questions have stock answers', async () => {
  const [relay] = await relays.start({ stunPort: 0 });
  const withToken = await ask(relay, encodeTokenRequest);
  expect([withToken.asked, withToken.bytes]).toEqual([64, 52]);
  const stock = await ask(relay, encodeBindingRequest);
  expect([stock.asked, stock.bytes]).toEqual([40, 32]);
  expect(stock.response.addressToken).toBeUndefined();
});

test('a flood of questions is refused after sixteen, and the connection lives on', async () => {
  const [relay, client] = await relays.start({ stunPort: 0 });
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
