import { expect, test } from 'vitest';
import { DecodeFailure } from '../base/failure.js';
import { instant } from '../base/instant.js';
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import type { RelayMap } from '../netmap/types.js';
import { encodeBindingRequest } from '../stun/binding.js';
import { answerFromSockets } from '../stun/server.js';
import { askingForToken, keepProof } from './measured-proofs.js';
import { OwnAddressProofs } from './own-address-proofs.js';

const now = instant(5000);
const token = new Uint8Array(16).fill(7);
const [ours, stock] = ['192.0.2.1', '192.0.2.2'] as IpAddress[];
const at = (address: IpAddress | undefined): Endpoint => endpoint(address as IpAddress, 3478);
const node = (regionId: number, ipv4: IpAddress | undefined, dialsBack: boolean) => [
  regionId,
  { regionId, nodes: [{ regionId, ipv4, stunPort: 3478, stunOnly: false, dialsBack }] },
];
const relayMap = {
  regions: new Map([node(901, ours, true), node(902, stock, false)] as never),
} as unknown as RelayMap;
const id = new Uint8Array(12).map((_, index) => index + 1);

/** What our address outside is proven by after a server answered, with a token if it was asked for one. */
function proofAfter(server: Endpoint, heardFrom = server) {
  const own = new OwnAddressProofs();
  const request = askingForToken(relayMap, server, encodeBindingRequest(id));
  const mapped = '203.0.113.9:40000' as Endpoint;
  const sockets = { port: 3478, alternatePort: undefined, addresses: [], alternateAddresses: [] };
  const here = { alternateAddress: false, alternatePort: false };
  const answer = answerFromSockets(request, mapped, { ...sockets, tokenFor: () => token }, here);
  if (answer instanceof DecodeFailure) throw new Error(answer.reason);
  keepProof(own, relayMap, heardFrom, answer.reply, now);
  return own.of('203.0.113.9' as IpAddress, now);
}

test('a relay that gives tokens is asked for one, and its answer proves the address that it saw', () => {
  expect(proofAfter(at(ours))).toEqual({ regionId: 901, token });
});

test('others get the plain question, and what they say proves nothing', () => {
  const request = encodeBindingRequest(id);
  expect(askingForToken(relayMap, at(stock), request)).toBe(request);
  expect(proofAfter(at(stock))).toBeUndefined();
  expect(proofAfter(at(ours), at(stock))).toBeUndefined();
  const own = new OwnAddressProofs();
  keepProof(own, relayMap, at(ours), new Uint8Array(40), now);
  expect(own.of('203.0.113.9' as IpAddress, now)).toBeUndefined();
});
