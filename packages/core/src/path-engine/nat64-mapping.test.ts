import { expect, test } from 'vitest';
import { DecodeFailure } from '../base/failure.js';
import { SeededRandom } from '../base/seeded-random.js';
import { type Endpoint, type IpAddress, parseEndpoint } from '../ip/address.js';
import { answerBindingRequest } from '../stun/server.js';
import { Nat64Mapping } from './nat64-mapping.js';

const prefix = '64:ff9b::' as IpAddress;
const endpoint = (text: string): Endpoint => {
  const parsed = parseEndpoint(text);
  if (parsed === undefined) throw new Error(`${text} is no endpoint`);
  return parsed;
};
const server = endpoint('3.210.5.10:3478');

function answerTo(request: Uint8Array, mapped: string): Uint8Array {
  const answer = answerBindingRequest(request, endpoint(mapped));
  if (answer instanceof DecodeFailure) throw new Error(`no request: ${answer.reason}`);
  return answer;
}

test('servers are asked through the prefix, and an IPv4 answer is our endpoint behind it', () => {
  const mapping = new Nat64Mapping(new SeededRandom(1));
  const [asked, ...others] = mapping.ask(prefix, [server]);
  expect(others).toEqual([]);
  expect(asked?.remote).toBe('[64:ff9b::3d2:50a]:3478');
  const answer = answerTo(asked?.bytes ?? new Uint8Array(), '52.41.2.13:41641');
  expect(mapping.datagram(endpoint('[64:ff9b::3d2:50b]:3478'), answer)).toBe(false);
  expect(mapping.mapped).toBeUndefined();
  expect(mapping.datagram(asked?.remote ?? server, answer)).toBe(true);
  expect(mapping.mapped).toBe('52.41.2.13:41641');
  // Once is enough.
  expect(mapping.datagram(asked?.remote ?? server, answer)).toBe(false);
  mapping.forget();
  expect(mapping.mapped).toBeUndefined();
});

test('a server that shows IPv6, and bytes that are none of ours, tell nothing', () => {
  const mapping = new Nat64Mapping(new SeededRandom(1));
  const [asked] = mapping.ask(prefix, [server]);
  const remote = asked?.remote ?? server;
  expect(mapping.datagram(remote, new Uint8Array(20))).toBe(false);
  const six = answerTo(asked?.bytes ?? new Uint8Array(), '[2a02::a]:41641');
  expect(mapping.datagram(remote, six)).toBe(true);
  expect(mapping.mapped).toBeUndefined();
});
