import type { Endpoint } from '@warren/core/ip/address';
import {
  NetcheckDrive,
  relayMap,
  relayNode,
  relayRegion,
} from '@warren/core/netcheck/testing/netcheck-drive';
import { expect, test } from 'vitest';
import { tokenRelayOf } from './token-relay.js';

const ours = { dialsBack: true };

test.each([
  ["a single relay of Warren's", [relayNode(900, '192.0.2.1', ours)], true],
  ['a stock relay', [relayNode(900, '192.0.2.1')], false],
  [
    "one of Warren's without STUN",
    [relayNode(900, '192.0.2.1', { ...ours, stunPort: undefined })],
    false,
  ],
  ['two relays', [relayNode(900, '192.0.2.1', ours), relayNode(900, '192.0.2.2', ours)], false],
  [
    'a relay beside a STUN server',
    [relayNode(900, '192.0.2.2', { stunOnly: true }), relayNode(900, '192.0.2.1', ours)],
    true,
  ],
  ['a STUN server alone', [relayNode(900, '192.0.2.2', { ...ours, stunOnly: true })], false],
])('a region of %s gives tokens: %#', (_what, nodes, gives) => {
  const relay = tokenRelayOf(relayMap(relayRegion(900, nodes)), 900);
  expect(relay?.ipv4).toBe(gives ? '192.0.2.1' : undefined);
});

test('a region whose number has no room in a proof gives none', () => {
  const map = relayMap(relayRegion(65_536, [relayNode(65_536, '192.0.2.1', ours)]));
  expect(tokenRelayOf(map, 65_536)).toBeUndefined();
  expect(tokenRelayOf(undefined, 900)).toBeUndefined();
});

test('a check asks the relays that give tokens for one, and all others as stock nodes do', () => {
  const drive = new NetcheckDrive();
  const mapped = '203.0.113.9:54321' as Endpoint;
  const token = new Uint8Array(16).fill(9);
  const regions = [
    relayRegion(900, [relayNode(900, '192.0.2.1', ours)]),
    relayRegion(901, [relayNode(901, '192.0.2.2')]),
    relayRegion(902, [
      relayNode(902, '192.0.2.3', { ...ours, stunOnly: true }),
      relayNode(902, '192.0.2.4', ours),
    ]),
  ];
  for (const last of [1, 2, 3]) {
    const server = `192.0.2.${last}:3478` as Endpoint;
    drive.servers.set(server, { latencyMs: 10 * last, mapped, token });
  }
  drive.input({ type: 'socket', family: 4, open: true });
  drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
  drive.pass(1000);
  const lengths = drive.sent.map(({ remote, length }) => `${remote} ${length}`);
  expect(lengths).toEqual(['192.0.2.1:3478 64', '192.0.2.2:3478 40', '192.0.2.3:3478 40']);
  // The STUN server beside the third relay gives no token that the relay would confirm.
  const tokens = drive.report?.observations.map(({ regionId, addressToken }) => [
    regionId,
    addressToken,
  ]);
  expect(tokens).toEqual([
    [900, token],
    [901, undefined],
    [902, undefined],
  ]);
});
