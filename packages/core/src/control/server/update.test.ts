import { expect, test } from 'vitest';
import { nobleCrypto } from '../../crypto/noble.js';
import { NO_NODE_ROUTES } from './route-book.js';
import { baseDomain, discoKey, mapRequest, TestNetwork } from './test-network.js';
import { applyLiteUpdate } from './update.js';
import { ViewBuilder } from './view.js';

function updated(network: TestNetwork, request: object): TestNetwork {
  network.state = applyLiteUpdate(
    network.state,
    network.node(1),
    mapRequest(1, request),
    baseDomain,
  );
  return network;
}

function joined(): TestNetwork {
  const network = new TestNetwork();
  network.join(1);
  return updated(network, { Hostinfo: { Hostname: 'host-1', NetInfo: { PreferredDERP: 900 } } });
}

test('endpoints, disco key and network are kept as reported', () => {
  expect(joined().node(1)).toMatchObject({
    discoKey: discoKey(1),
    endpoints: [{ endpoint: '192.0.2.1:41641', type: 2 }],
    netInfo: { PreferredDERP: 900 },
    hostInfo: { Hostname: 'host-1' },
  });
});

test('a report that repeats the known gives the very same state', () => {
  const network = joined();
  const before = network.state;
  updated(network, { Hostinfo: { Hostname: 'host-1', NetInfo: { PreferredDERP: 900 } } });
  expect(network.state).toBe(before);
});

test('a zero disco key, missing NetInfo and missing Hostinfo erase nothing', () => {
  const network = updated(joined(), {
    DiscoKey: `discokey:${'0'.repeat(64)}`,
    Hostinfo: { Hostname: 'host-1' },
  });
  expect(network.node(1)).toMatchObject({
    discoKey: discoKey(1),
    netInfo: { PreferredDERP: 900 },
  });
  expect(updated(network, { Hostinfo: null }).node(1).hostName).toBe('host-1');
});

test('a new host name renames the node, around names that are taken', () => {
  const network = joined();
  network.join(2);
  expect(updated(network, { Hostinfo: { Hostname: 'host-2' } }).node(1).label).toBe('host-2-1');
  expect(updated(network, { Hostinfo: { Hostname: 'HOST 2' } }).node(1).label).toBe('host-2-1');
  expect(updated(network, { Hostinfo: { Hostname: 'other' } }).node(1).label).toBe('other');
});

test('unknown host fields are kept for peers; a heap of them is not', () => {
  expect(updated(joined(), { Hostinfo: { Novelty: [1] } }).node(1).hostInfo).toEqual({
    Novelty: [1],
  });
  const heap = { Hostname: 'host-1', OS: 'linux', Novelty: 'x'.repeat(20_000) };
  expect(updated(joined(), { Hostinfo: heap }).node(1).hostInfo).toEqual({
    Hostname: 'host-1',
    OS: 'linux',
  });
});

test('endpoints are validated, told apart and bounded', () => {
  const many = Array.from({ length: 100 }, (_, i) => `192.0.2.1:${i + 1}`);
  const network = updated(joined(), {
    Endpoints: ['x', '192.0.2.1:0', '192.0.2.1:1', ...many],
    EndpointTypes: [1, 1, 3],
  });
  expect(network.node(1).endpoints).toHaveLength(64);
  expect(network.node(1).endpoints[0]).toEqual({ endpoint: '192.0.2.1:1', type: 3 });
});

test('what a Warren node says of its NAT stands beside it for its peers, and not in its own view', () => {
  const WarrenNat = { V: 1, Class: 'hard' };
  const network = updated(joined(), { Hostinfo: { Hostname: 'host-1', WarrenNat } });
  const builder = new ViewBuilder({ baseDomain, relayMap: { Regions: {} }, crypto: nobleCrypto });
  const presence = { isOnline: () => true, lastSeen: () => undefined };
  const node = network.node(1);
  const shown = builder.peerNode(node, presence, NO_NODE_ROUTES, {}, network.wall);
  expect(shown).toMatchObject({ WarrenNat, Hostinfo: { Hostname: 'host-1' } });
  expect(JSON.stringify(shown.Hostinfo)).not.toContain('WarrenNat');
  const own = builder.selfNode(node, false, {}, []);
  expect(JSON.stringify(own)).not.toContain('WarrenNat');
});

test('a description of a NAT that is too long is no description', () => {
  const WarrenNat = { V: 1, Class: 'x'.repeat(1024) };
  const network = updated(joined(), { Hostinfo: { Hostname: 'host-1', WarrenNat, Kept: 1 } });
  expect(network.node(1).hostInfo).toEqual({ Hostname: 'host-1', Kept: 1 });
});
