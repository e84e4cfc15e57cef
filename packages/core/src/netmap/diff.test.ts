import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { NodeKey } from '../keys/keys.js';
import { applyMapResponse } from './apply.js';
import { decodeMapResponse } from './decode.js';
import { diffViews, fullMapResponse, type MapView } from './diff.js';
import type { Netmap } from './types.js';
import type { WireFilterRule, WireMapResponse, WireNode } from './wire.js';
import { encodeMapResponse } from './wire-json.js';

const SELF_KEY = 'f'.repeat(64);

/** What a client does: bytes of JSON, decode, apply. */
function receive(previous: Netmap | undefined, message: WireMapResponse): Netmap {
  const counters = new Counters();
  const response = decodeMapResponse(JSON.parse(JSON.stringify(message)), counters);
  if (isFailure(response)) throw new Error(response.reason);
  const netmap = applyMapResponse(previous, response, {
    selfKey: SELF_KEY as NodeKey,
    acceptRoutes: true,
    serverTime: undefined,
    counters,
  });
  if (isFailure(netmap)) throw new Error(netmap.reason);
  expect(counters.snapshot()).toEqual({});
  return netmap;
}

const hex = (id: number, variant: number): string =>
  (id * 16 + variant).toString(16).padStart(64, '0');

const time = fc.integer({ min: 0, max: 3 }).map((day) => `2026-01-0${day + 1}T00:00:00Z`);

function anyPeer(id: number): fc.Arbitrary<WireNode> {
  return fc
    .record(
      {
        name: fc.constantFrom('alpha', 'beta'),
        key: fc.integer({ min: 0, max: 2 }),
        disco: fc.integer({ min: 0, max: 2 }),
        Endpoints: fc.subarray(['192.0.2.1:1', '192.0.2.2:2', '[2001:db8::1]:3']),
        HomeDERP: fc.integer({ min: 1, max: 3 }),
        Online: fc.boolean(),
        LastSeen: time,
        KeyExpiry: time,
        Cap: fc.integer({ min: 100, max: 102 }),
        Tags: fc.subarray(['tag:a', 'tag:b']),
        Expired: fc.boolean(),
        Hostinfo: fc.record({ Hostname: fc.constantFrom('a', 'b'), OS: fc.constant('linux') }),
        route: fc.boolean(),
      },
      { requiredKeys: ['name', 'key', 'route'] },
    )
    .map(({ name, key, disco, route, LastSeen, ...rest }) => ({
      ID: id,
      StableID: `n${id}`,
      Name: `${name}-${id}.net.example.`,
      User: (id % 2) + 1,
      Key: `nodekey:${hex(id, key)}`,
      ...(disco === undefined ? {} : { DiscoKey: `discokey:${hex(id, disco + 4)}` }),
      Addresses: [`100.64.0.${id}/32`],
      AllowedIPs: [`100.64.0.${id}/32`, ...(route ? [`10.0.${id}.0/24`] : [])],
      ...(LastSeen === undefined || rest.Online === true ? {} : { LastSeen }),
      ...rest,
    }));
}

const self: fc.Arbitrary<WireNode> = fc
  .record({ Name: fc.constantFrom('me.', 'myself.'), Expired: fc.boolean() })
  .map((changes) => ({
    ID: 99,
    StableID: 'n99',
    User: 1,
    Key: `nodekey:${SELF_KEY}`,
    Addresses: ['100.64.0.99/32'],
    AllowedIPs: ['100.64.0.99/32'],
    MachineAuthorized: true,
    ...changes,
  }));

const address = fc.constantFrom('*', '100.64.0.0/10', '100.64.0.7', '10.0.0.1-10.0.0.9', 'fd7a::1');

const rule: fc.Arbitrary<WireFilterRule> = fc.record(
  {
    SrcIPs: fc.array(address, { minLength: 1, maxLength: 3 }),
    DstPorts: fc.array(
      fc.record({
        IP: address,
        Ports: fc.constantFrom({ First: 0, Last: 65_535 }, { First: 22, Last: 22 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    IPProto: fc.subarray([6, 17, 99]),
  },
  { requiredKeys: ['SrcIPs', 'DstPorts'] },
);

const view: fc.Arbitrary<MapView> = fc
  .record({
    node: self,
    peers: fc
      .uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 6 })
      .chain((ids) => fc.tuple(...ids.sort((a, b) => a - b).map(anyPeer))),
    names: fc.constantFrom('Ann', 'Anna'),
    region: fc.constantFrom('r1', 'r2'),
    filters: fc.dictionary(
      fc.constantFrom('base', 'extra', 'more'),
      fc.array(rule, { maxLength: 3 }),
      { noNullPrototype: true },
    ),
    suffix: fc.constantFrom('net.example', 'other.example'),
    withSelf: fc.boolean(),
  })
  .map(({ node, peers, names, region, filters, suffix, withSelf }) => ({
    node,
    peers: new Map([...peers, ...(withSelf ? [node] : [])].map((peer) => [peer.ID, peer])),
    users: new Map(
      [...new Set([node.User, ...peers.map((peer) => peer.User)])].map((id) => [
        id,
        { ID: id, LoginName: `user-${id}`, DisplayName: names },
      ]),
    ),
    relayMap: {
      Regions: { 900: { RegionID: 900, RegionCode: region, RegionName: 'R', Nodes: [] } },
    },
    packetFilters: filters,
    dnsConfig: { Proxied: true, Domains: [suffix] },
    domain: suffix,
  }));

test('apply(old, diff(old, next)) equals next', () => {
  fc.assert(
    fc.property(view, view, (old, next) => {
      const delta = diffViews(old, next);
      const before = receive(undefined, fullMapResponse(old));
      const after = delta === undefined ? before : receive(before, delta);
      const wanted = receive(undefined, fullMapResponse(next));
      expect({ ...after, users: undefined }).toEqual({ ...wanted, users: undefined });
      expect([...after.users]).toEqual(expect.arrayContaining([...wanted.users]));
      expect([...after.filterSets.keys()].sort()).toEqual(Object.keys(next.packetFilters).sort());
      expect(delta?.DNSConfig ?? old.dnsConfig).toEqual(next.dnsConfig);
    }),
    { numRuns: 1000 },
  );
});

test('the text of a message is what JSON makes of it', () => {
  fc.assert(
    fc.property(view, view, (old, next) => {
      for (const message of [fullMapResponse(old), diffViews(old, next) ?? {}]) {
        expect(encodeMapResponse(message)).toBe(JSON.stringify(message));
      }
    }),
  );
});

test('the same network gives no message, whether by identity or by content', () => {
  fc.assert(
    fc.property(view, (one) => {
      expect(diffViews(one, one)).toBeUndefined();
      const peers = new Map([...one.peers].map(([id, peer]) => [id, structuredClone(peer)]));
      expect(diffViews(one, { ...one, peers, node: { ...one.node } })).toBeUndefined();
    }),
  );
});

const bare: WireNode = {
  ID: 1,
  StableID: 'n1',
  Name: 'alpha.net.example.',
  User: 1,
  Key: `nodekey:${hex(1, 0)}`,
  Addresses: ['100.64.0.1/32'],
  AllowedIPs: ['100.64.0.1/32'],
  Endpoints: ['192.0.2.1:1'],
  HomeDERP: 1,
  Online: true,
};

function viewWith(...peers: WireNode[]): MapView {
  return {
    node: { ...bare, ID: 99, Key: `nodekey:${SELF_KEY}` },
    peers: new Map(peers.map((peer) => [peer.ID, peer])),
    users: new Map(),
    relayMap: { Regions: {} },
    packetFilters: {},
    dnsConfig: {},
    domain: 'net.example',
  };
}

test('light changes travel as patches, others as whole nodes', () => {
  const moved = { ...bare, Endpoints: ['192.0.2.9:9'], HomeDERP: 3 };
  expect(diffViews(viewWith(bare), viewWith(moved))).toEqual({
    PeersChangedPatch: [{ NodeID: 1, DERPRegion: 3, Endpoints: ['192.0.2.9:9'] }],
  });
  const renamed = { ...moved, Name: 'other.' };
  expect(diffViews(viewWith(bare), viewWith(renamed))).toEqual({ PeersChanged: [renamed] });
});

test('what a patch can’t clear travels as a whole node', () => {
  const emptied = { ...bare, Endpoints: [] };
  expect(diffViews(viewWith(bare), viewWith(emptied))).toEqual({ PeersChanged: [emptied] });
});

test('going away tells when; coming back tells no time', () => {
  const away = { ...bare, Online: false, LastSeen: '2026-01-02T03:04:05Z' };
  expect(diffViews(viewWith(bare), viewWith(away))).toEqual({
    PeersChangedPatch: [{ NodeID: 1, Online: false, LastSeen: '2026-01-02T03:04:05Z' }],
  });
  expect(diffViews(viewWith(away), viewWith(bare))).toEqual({
    PeersChangedPatch: [{ NodeID: 1, Online: true }],
  });
});

test('the last peer leaves by removal, never by an empty list', () => {
  expect(diffViews(viewWith(bare), viewWith())).toEqual({ PeersRemoved: [1] });
  expect(fullMapResponse(viewWith())).not.toHaveProperty('Peers');
});
