import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import { parseJson } from '../base/json.js';
import { bitFlips, truncations } from '../base/mutations.js';
import { encodeUtf8 } from '../base/text.js';
import { decodeMapResponse, type MapResponse } from './decode.js';
import { decodeNode } from './decode-node.js';
import { decodeRelayMap } from './decode-relay-map.js';
import type { NetmapNode } from './types.js';
import { MINIMAL_MAP_JSON } from './vectors.js';

const NODE_KEY = '244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49';

function decoded(value: unknown, counters = new Counters()): MapResponse {
  const response = decodeMapResponse(value, counters);
  if (isFailure(response)) throw new Error(response.reason);
  return response;
}

function wireNode(changes: object = {}): object {
  return {
    ID: 2,
    StableID: 'n2',
    Name: 'beta.net.example.',
    User: 1,
    Key: `nodekey:${'22'.repeat(32)}`,
    Addresses: ['100.64.0.2/32'],
    AllowedIPs: ['100.64.0.2/32'],
    ...changes,
  };
}

function peer(changes: object = {}, counters = new Counters()): NetmapNode {
  const node = decodeNode(wireNode(changes), 'peer', counters);
  if (isFailure(node)) throw new Error(node.reason);
  return node;
}

test('the vector is the one of the notes', () => {
  expect(createHash('sha256').update(MINIMAL_MAP_JSON).digest('hex')).toBe(
    '7f860e50dd89d01347e457053d1e4d3ebd8acb8a8c60d0f4fe1ff7dcc8c38a17',
  );
});

test('the minimal map of the notes decodes completely', () => {
  const counters = new Counters();
  const response = decoded(JSON.parse(MINIMAL_MAP_JSON), counters);
  expect(response.node).toMatchObject({
    id: 1,
    stableId: 'n1-lab',
    name: 'alpha.net.example.',
    key: NODE_KEY,
    machineKey: '07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
    discoKey: '4d27bcee3135c4944b28d27dd809b07be10c35160d20131caa7e85575498d07c',
    addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
    machineAuthorized: true,
    expired: false,
  });
  expect(response.relayMap?.regions.get(900)).toEqual({
    id: 900,
    code: 'lab',
    name: 'Lab',
    noMeasureNoHome: false,
    nodes: [
      {
        name: '900a',
        regionId: 900,
        hostName: 'derp.net.example',
        certName: undefined,
        ipv4: undefined,
        ipv6: undefined,
        relayPort: 443,
        stunPort: 3478,
        stunOnly: false,
      },
    ],
  });
  expect(response.domain).toBe('net.example');
  expect(response.users).toEqual([{ id: 1, loginName: 'ann@net.example', displayName: 'Ann' }]);
  expect(counters.snapshot()).toEqual({});
});

test('the legacy relay field gives the home region, and HomeDERP beats it', () => {
  expect(peer({ DERP: '127.3.3.40:901' }).homeRegion).toBe(901);
  expect(peer({ DERP: '127.3.3.40:901', HomeDERP: 7 }).homeRegion).toBe(7);
  expect(peer({ DERP: '127.3.3.41:901' }).homeRegion).toBeUndefined();
  expect(peer({ HomeDERP: 0 }).homeRegion).toBeUndefined();
});

test('a node without AllowedIPs is allowed its addresses', () => {
  expect(peer({ AllowedIPs: undefined }).allowedIps).toEqual(['100.64.0.2/32']);
  expect(peer({ AllowedIPs: null }).allowedIps).toEqual(['100.64.0.2/32']);
  expect(
    peer({ AllowedIPs: ['100.64.0.2/32', '10.0.0.0/8'], UnsignedPeerAPIOnly: true }).allowedIps,
  ).toEqual(['100.64.0.2/32']);
});

test('a peer is kept open only if control says so', () => {
  expect(peer({ KeepAlive: true }).keepAlive).toBe(true);
  for (const other of [{}, { KeepAlive: false }, { KeepAlive: 'true' }, { KeepAlive: 1 }]) {
    expect(peer(other)).not.toHaveProperty('keepAlive');
  }
});

test('a peer is jailed only if control says so, and we never are', () => {
  expect(peer({ IsJailed: true }).isJailed).toBe(true);
  for (const other of [{}, { IsJailed: false }, { IsJailed: 'true' }, { IsJailed: 1 }]) {
    expect(peer(other)).not.toHaveProperty('isJailed');
  }
  expect(decodeNode(wireNode({ IsJailed: true }), 'self', new Counters())).not.toHaveProperty(
    'isJailed',
  );
});

test('what control asks to fetch has an origin that can be compared', () => {
  const origin = (URL: string) => decoded({ PingRequest: { URL } }).ping?.origin;
  expect(origin('https://Hub.example:443/x')).toBe('https://hub.example');
  expect(origin('https://hub.example:8443/x')).toBe('https://hub.example:8443');
  expect(origin('http://hub.example:443/x')).toBe('http://hub.example:443');
  expect(origin('https://me@hub.example/x')).toBe('https://me@hub.example');
  const counters = new Counters();
  expect(decoded({ PingRequest: { URL: 'hub.example/x' } }, counters).ping).toBeUndefined();
  expect(counters.get('netmap-ping-malformed')).toBe(1);
});

test('keys of zeros and the zero time mean none', () => {
  const node = peer({
    DiscoKey: `discokey:${'0'.repeat(64)}`,
    Machine: `mkey:${'0'.repeat(64)}`,
    KeyExpiry: '0001-01-01T00:00:00Z',
  });
  expect(node.discoKey).toBeUndefined();
  expect(node.machineKey).toBeUndefined();
  expect(node.keyExpiry).toBeUndefined();
});

test.each([
  ['node-id', { ID: 0 }],
  ['node-id', { ID: 2 ** 53 }],
  ['node-id', { ID: '2' }],
  ['node-key', { Key: `nodekey:${'0'.repeat(64)}` }],
  ['node-key', { Key: `discokey:${'22'.repeat(32)}` }],
  ['node-no-address', { Addresses: [] }],
  ['node-no-address', { Addresses: ['192.168.1.2/32'] }],
  ['node-no-address', { Addresses: ['100.64.0.0/10'] }],
])('a peer with a bad identity is dropped: %s', (reason, changes) => {
  expect(decodeNode(wireNode(changes), 'peer', new Counters())).toMatchObject({ reason });
});

test('our own node with an address outside the overlay refuses the map', () => {
  const addresses = ['100.64.0.2/32', '192.168.1.1/32'];
  expect(
    decodeMapResponse({ Node: wireNode({ Addresses: addresses }) }, new Counters()),
  ).toMatchObject({ reason: 'node-address-outside' });
  expect(peer({ Addresses: addresses }).addresses).toEqual(['100.64.0.2/32']);
});

test('bad entries cost only themselves and are counted', () => {
  const counters = new Counters();
  const response = decoded(
    {
      Peers: [wireNode(), 7, wireNode({ ID: -1 })],
      PeersRemoved: [1, 'x'],
      PeersChangedPatch: [{ NodeID: 3, Online: true }, {}],
      OnlineChange: { 4: true, x: true, 5: 'yes' },
      UserProfiles: [{ ID: 1, LoginName: 'a' }, { ID: 0 }],
      Surprise: { deep: [1] },
    },
    counters,
  );
  expect(response.peers.map((node) => node.id)).toEqual([2]);
  expect(response.peersRemoved).toEqual([1]);
  expect(response.peersPatched.map((patch) => patch.id)).toEqual([3]);
  expect([...response.onlineChange]).toEqual([[4, true]]);
  expect(response.users).toHaveLength(1);
  expect(counters.snapshot()).toEqual({
    'netmap-flag-malformed': 2,
    'netmap-patch-malformed': 1,
    'netmap-peer-malformed': 2,
    'netmap-removal-malformed': 1,
    'netmap-user-malformed': 1,
  });
});

test('endpoints and regions stop at their limits', () => {
  const counters = new Counters();
  const many = Array.from({ length: 300 }, (_, i) => `192.0.2.1:${1000 + i}`);
  expect(peer({ Endpoints: [...many, 'x'] }, counters).endpoints).toHaveLength(64);
  expect(peer({ Endpoints: ['192.0.2.1:0', 'x', '192.0.2.1:1'] }).endpoints).toEqual([
    '192.0.2.1:1',
  ]);
  const regions = Object.fromEntries(
    Array.from({ length: 600 }, (_, i) => [
      i + 1,
      { RegionID: i + 1, RegionCode: 'r', RegionName: 'R', Nodes: [] },
    ]),
  );
  expect(decodeRelayMap({ Regions: regions }, counters)?.regions.size).toBe(512);
  expect(counters.get('netmap-regions-over-limit')).toBe(1);
});

test('relay nodes keep what they say of ports and families', () => {
  const map = decodeRelayMap(
    {
      Regions: {
        1: null,
        2: { RegionID: 3, Nodes: [] },
        900: {
          RegionID: 900,
          NoMeasureNoHome: true,
          Nodes: [
            {
              Name: 'a',
              RegionID: 900,
              HostName: '192.0.2.1',
              IPv4: '192.0.2.1',
              IPv6: 'none',
              STUNPort: -1,
              DERPPort: 8443,
              CertName: `sha256-raw:${'ab'.repeat(32)}`,
            },
            { Name: 'b', RegionID: 901, HostName: 'b.example' },
            { Name: 'c', RegionID: 900, HostName: 'c.example/../..' },
          ],
        },
      },
    },
    new Counters(),
  );
  expect([...(map?.regions.keys() ?? [])]).toEqual([900]);
  expect(map?.regions.get(900)?.noMeasureNoHome).toBe(true);
  expect(map?.regions.get(900)?.nodes).toEqual([
    {
      name: 'a',
      regionId: 900,
      hostName: '192.0.2.1',
      certName: `sha256-raw:${'ab'.repeat(32)}`,
      ipv4: '192.0.2.1',
      ipv6: null,
      relayPort: 8443,
      stunPort: undefined,
      stunOnly: false,
    },
  ]);
  expect(decodeRelayMap({ Regions: null }, new Counters())).toBeUndefined();
});

test('names bring no terminal controls along', () => {
  expect(peer({ Name: 'a\u001b]0;x\u0007b' }).name).toBe('a]0;xb');
});

test('no damage to the minimal map makes the decoder throw', () => {
  const bytes = encodeUtf8(MINIMAL_MAP_JSON);
  for (const damaged of [...truncations(bytes), ...bitFlips(bytes)]) {
    const value = parseJson(damaged);
    if (value !== undefined) decodeMapResponse(value, new Counters());
  }
});

test('no JSON at all makes the decoder throw', () => {
  const field = fc.constantFrom(
    'Node',
    'Peers',
    'PeersChanged',
    'PeersRemoved',
    'PeersChangedPatch',
    'OnlineChange',
    'PeerSeenChange',
    'DERPMap',
    'UserProfiles',
    'Domain',
    'Health',
    'DisplayMessages',
    'PingRequest',
  );
  fc.assert(
    fc.property(fc.dictionary(field, fc.jsonValue()), (value) => {
      decodeMapResponse(value, new Counters());
    }),
  );
});
