import { instant, type WallTime } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';
import type { Prefix } from '@warren/core/ip/prefix';
import type { NodeKey } from '@warren/core/keys/keys';
import type { SummarizedEndpoint } from '@warren/core/netcheck/summary';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import { expect, test } from 'vitest';
import { buildStatus, type StatusInputs } from './status.js';

const WALL = Date.UTC(2026, 0, 1) as WallTime;

function node(id: number, changes: Partial<NetmapNode> = {}): NetmapNode {
  const address = `100.64.0.${id}/32` as Prefix;
  return {
    id,
    stableId: `n${id}`,
    name: `Node${id}.example.`,
    key: String(id).repeat(64) as NodeKey,
    machineKey: undefined,
    discoKey: undefined,
    addresses: [address],
    allowedIps: [address],
    endpoints: [],
    homeRegion: undefined,
    userId: 7,
    online: undefined,
    lastSeen: undefined,
    keyExpiry: undefined,
    expired: false,
    machineAuthorized: true,
    capVersion: 113,
    isWireGuardOnly: false,
    tags: [],
    hostName: `node${id}`,
    os: 'linux',
    ...changes,
  };
}

const peer = node(3, { homeRegion: 900, online: true });
const netmap: Netmap = {
  self: node(1),
  peers: new Map([peer, node(2)].map((one) => [one.id, one])),
  relayMap: {
    regions: new Map([
      [900, { id: 900, code: 'home', name: 'Home', noMeasureNoHome: false, nodes: [] }],
    ]),
  },
  users: new Map([[7, { id: 7, loginName: 'owner@example', displayName: 'Owner' }]]),
  domain: 'example',
  packetFilter: [],
  filterSets: new Map(),
};

const nothing: StatusInputs = {
  version: '1',
  state: 'NeedsLogin',
  loginServer: undefined,
  authUrl: undefined,
  settings: { configFile: '/etc/warren/node.hujson', staticEndpoints: [] },
  netmap: undefined,
  endpoints: [],
  homeRegion: undefined,
  udpPort: undefined,
  paths: new Map(),
  health: [],
  history: [],
  counters: {},
  now: instant(50_000),
  wallNow: WALL,
};

test('a node that never joined knows nothing, and says null, not a guess', () => {
  expect(buildStatus(nothing)).toEqual({
    version: '1',
    state: 'NeedsLogin',
    loginServer: null,
    authUrl: null,
    settings: { configFile: '/etc/warren/node.hujson', staticEndpoints: [] },
    self: null,
    peers: [],
    health: [],
    history: [],
    counters: {},
  });
});

test('what control warns of follows what we say ourselves', () => {
  const warnings = { sentences: ['renew the key of the gateway'], messages: new Map() };
  const inputs = { ...nothing, netmap: { ...netmap, warnings }, health: ['no relay'] };
  expect(buildStatus(inputs).health).toEqual(['no relay', 'renew the key of the gateway']);
});

test('own endpoints are told with how each is known', () => {
  const of = (
    port: number,
    type: SummarizedEndpoint['type'],
    verified?: 'yes' | 'port-only' | 'no',
  ): SummarizedEndpoint => ({ endpoint: `192.0.2.1:${port}` as Endpoint, type, verified });
  const endpoints = [of(1, 2, 'yes'), of(2, 4), of(3, 5, 'no'), of(4, 1), of(5, 3, 'port-only')];
  expect(buildStatus({ ...nothing, netmap, endpoints }).self?.endpoints).toEqual([
    { addr: '192.0.2.1:1', type: 'stun', verified: 'yes' },
    { addr: '192.0.2.1:2', type: 'stun-local-port', verified: null },
    { addr: '192.0.2.1:3', type: 'static', verified: 'no' },
    { addr: '192.0.2.1:4', type: 'local', verified: null },
    { addr: '192.0.2.1:5', type: 'portmap', verified: 'port-only' },
  ]);
});

test('peers stand in the order of their numbers; what is not known of one is null', () => {
  const { self, peers } = buildStatus({ ...nothing, netmap });
  expect(self).toMatchObject({ name: 'node1.example', user: 'owner@example', relay: null });
  expect(peers.map(({ hostName }) => hostName)).toEqual(['node2', 'node3']);
  expect(peers[0]).toMatchObject({
    user: 'owner@example',
    path: null,
    endpoint: null,
    relay: null,
    latencyMs: null,
    lastHandshake: null,
    online: null,
    active: false,
  });
});

test('paths, times and regions are shown as people read them', () => {
  const remote = '203.0.113.9:41641' as Endpoint;
  const path = { kind: 'direct', socketId: 1, remote } as const;
  const known = {
    peer: peer.key,
    path,
    latencyMs: 12.3456,
    lastHandshakeAt: instant(48_000),
    rxBytes: 5,
    txBytes: 6,
    active: true,
    lastSentAt: instant(49_000),
    loss: 0,
  };
  const relayed = { kind: 'relay', regionId: 900 } as const;
  const past = { kind: 'path', at: WALL } as const;
  const report = buildStatus({
    ...nothing,
    netmap,
    paths: new Map([[peer.key, known]]),
    history: [
      { ...past, peer: peer.key, from: relayed, to: path, cause: 'pong' },
      { ...past, peer: 'f'.repeat(64) as NodeKey, from: path, to: undefined, cause: 'netmap' },
      { kind: 'nat', at: WALL, from: undefined, to: 'hard', cause: 'first-check' },
    ],
  });
  expect(report.peers[1]).toMatchObject({
    path: 'direct',
    endpoint: remote,
    relay: 'home',
    latencyMs: 12.35,
    lastHandshake: '2025-12-31T23:59:58.000Z',
    online: true,
  });
  const at = '2026-01-01T00:00:00.000Z';
  expect(report.history).toEqual([
    { at, kind: 'path', peer: 'node3.example', from: 'relay home', to: remote, cause: 'pong' },
    {
      at,
      kind: 'path',
      peer: `nodekey:${'f'.repeat(64)}`,
      from: remote,
      to: null,
      cause: 'netmap',
    },
    { at, kind: 'nat', peer: null, from: null, to: 'hard', cause: 'first-check' },
  ]);
});
