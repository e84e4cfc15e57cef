import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { NodeKey } from '../keys/keys.js';
import { applyMapResponse } from './apply.js';
import { decodeMapResponse } from './decode.js';
import { diffViews, fullMapResponse, type MapView } from './diff.js';
import type { Netmap } from './types.js';
import type {
  WireFilterRule,
  WireMapResponse,
  WireNode,
  WirePeerChange,
  WireRegion,
} from './wire.js';
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

/** Peer ids are below it; addresses and routes move around in a ring of that size. */
const RING = 9;

/** A peer with any of the fields there are; with another `shift` it has the address of another peer. */
function anyPeer(id: number, shift: number): fc.Arbitrary<WireNode> {
  const place = (id + shift) % RING;
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
        IsWireGuardOnly: fc.boolean(),
        KeepAlive: fc.boolean(),
        IsJailed: fc.boolean(),
        Hostinfo: fc.record({ Hostname: fc.constantFrom('a', 'b'), OS: fc.constant('linux') }),
        MachineAuthorized: fc.boolean(),
        Machine: fc.constantFrom(`mkey:${hex(id, 8)}`, `mkey:${hex(id, 9)}`),
        Created: time,
        CapMap: fc.constantFrom({}, { 'https://example.com/cap': null }, { x: [1, 'two'] }),
        WarrenNat: fc
          .constantFrom('easy', 'hard')
          .map((Class) => ({ V: 1, Class, IPv4: { Works: true }, IPv6: { Works: false } })),
        owner: fc.integer({ min: 1, max: 3 }),
        reborn: fc.boolean(),
        route: fc.boolean(),
      },
      { requiredKeys: ['name', 'key', 'route', 'owner', 'reborn'] },
    )
    .map(({ name, key, disco, owner, reborn, route, LastSeen, ...rest }) => ({
      ID: id,
      StableID: `${reborn ? 'm' : 'n'}${id}`,
      Name: `${name}-${id}.net.example.`,
      User: owner,
      Key: `nodekey:${hex(id, key)}`,
      ...(disco === undefined ? {} : { DiscoKey: `discokey:${hex(id, disco + 4)}` }),
      Addresses: [`100.64.0.${place}/32`],
      AllowedIPs: [`100.64.0.${place}/32`, ...(route ? [`10.0.${place}.0/24`] : [])],
      ...(route ? { PrimaryRoutes: [`10.0.${place}.0/24`] } : {}),
      ...(rest.HomeDERP === undefined ? {} : { DERP: `127.3.3.40:${rest.HomeDERP}` }),
      ...(LastSeen === undefined || rest.Online === true ? {} : { LastSeen }),
      ...rest,
    }));
}

const self: fc.Arbitrary<WireNode> = fc
  .record(
    {
      Name: fc.constantFrom('me.', 'myself.'),
      Expired: fc.boolean(),
      KeyExpiry: time,
      Tags: fc.subarray(['tag:a', 'tag:b']),
      CapMap: fc.constantFrom({}, { 'https://example.com/cap': null }),
      Hostinfo: fc.record({ Hostname: fc.constantFrom('a', 'b') }),
    },
    { requiredKeys: ['Name'] },
  )
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

const region: fc.Arbitrary<WireRegion> = fc
  .record(
    {
      RegionID: fc.integer({ min: 900, max: 902 }),
      RegionCode: fc.constantFrom('r1', 'r2'),
      NoMeasureNoHome: fc.boolean(),
      nodes: fc.uniqueArray(fc.constantFrom('a', 'b'), { maxLength: 2 }),
      STUNPort: fc.constantFrom(-1, 3478),
      DERPPort: fc.constantFrom(443, 8443),
      CertName: fc.constantFrom('sha256-raw:00', 'relay.example'),
      IPv4: fc.constantFrom('192.0.2.7', 'none'),
      CanPort80: fc.boolean(),
    },
    { requiredKeys: ['RegionID', 'RegionCode', 'nodes'] },
  )
  .map(({ RegionID, RegionCode, NoMeasureNoHome, nodes, ...node }) => ({
    RegionID,
    RegionCode,
    RegionName: 'R',
    ...(NoMeasureNoHome === undefined ? {} : { NoMeasureNoHome }),
    Nodes: nodes.map((letter) => ({
      Name: `${RegionID}${letter}`,
      RegionID,
      HostName: `${letter}.example`,
      ...node,
    })),
  }));

const view: fc.Arbitrary<MapView> = fc
  .record({
    node: self,
    peers: fc
      .tuple(
        fc.uniqueArray(fc.integer({ min: 1, max: RING - 1 }), { maxLength: 6 }),
        fc.integer({ min: 0, max: 2 }),
      )
      .chain(([ids, shift]) =>
        fc.tuple(...ids.sort((a, b) => a - b).map((id) => anyPeer(id, shift))),
      ),
    names: fc.constantFrom('Ann', 'Anna'),
    picture: fc.constantFrom(undefined, 'https://example.com/a.png'),
    regions: fc.uniqueArray(region, { maxLength: 2, selector: ({ RegionID }) => RegionID }),
    filters: fc.dictionary(
      fc.constantFrom('base', 'extra', 'more'),
      fc.array(rule, { maxLength: 3 }),
      { noNullPrototype: true },
    ),
    suffix: fc.constantFrom('net.example', 'other.example'),
    withSelf: fc.boolean(),
  })
  .map(({ node, peers, names, picture, regions, filters, suffix, withSelf }) => ({
    node,
    peers: new Map([...peers, ...(withSelf ? [node] : [])].map((peer) => [peer.ID, peer])),
    users: new Map(
      [...new Set([node.User, ...peers.map((peer) => peer.User)])].map((id) => [
        id,
        {
          ID: id,
          LoginName: `user-${id}`,
          DisplayName: names,
          ...(picture === undefined ? {} : { ProfilePicURL: picture }),
        },
      ]),
    ),
    relayMap: {
      Regions: Object.fromEntries(regions.map((one) => [one.RegionID, one])),
      omitDefaultRegions: true,
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
    { numRuns: 400 },
  );
});

/** What a client holds that keeps control's words as they are, also those that Warren's own doesn't read. */
type Held = Omit<MapView, 'users'>;

/** A patch onto a node; an online node was not "last seen". */
function patched(node: WireNode, patch: WirePeerChange): WireNode {
  const { NodeID: _, DERPRegion, ...fields } = patch;
  const next = {
    ...node,
    ...fields,
    ...(DERPRegion === undefined ? {} : { HomeDERP: DERPRegion, DERP: `127.3.3.40:${DERPRegion}` }),
  };
  if (next.Online !== true) return next;
  const { LastSeen: __, ...online } = next;
  return online;
}

function hold(held: Held, message: WireMapResponse): Held {
  const peers = new Map(held.peers);
  for (const id of message.PeersRemoved ?? []) peers.delete(id);
  for (const peer of message.PeersChanged ?? []) peers.set(peer.ID, peer);
  for (const patch of message.PeersChangedPatch ?? []) {
    const node = peers.get(patch.NodeID);
    if (node !== undefined) peers.set(patch.NodeID, patched(node, patch));
  }
  const filters: Record<string, readonly WireFilterRule[]> = { ...held.packetFilters };
  for (const [name, rules] of Object.entries(message.PacketFilters ?? {})) {
    if (rules === null) delete filters[name];
    else filters[name] = rules;
  }
  return {
    node: message.Node ?? held.node,
    peers,
    relayMap: message.DERPMap ?? held.relayMap,
    packetFilters: filters,
    dnsConfig: message.DNSConfig ?? held.dnsConfig,
    domain: message.Domain ?? held.domain,
  };
}

/** A view without what is never sent. */
function heldOf({ users: _, ...view }: MapView): Held {
  return { ...view, peers: new Map([...view.peers].filter(([id]) => id !== view.node.ID)) };
}

test('every field of every part arrives, word by word', () => {
  fc.assert(
    fc.property(view, view, (old, next) => {
      const delta = diffViews(old, next);
      expect(hold(heldOf(old), delta ?? {})).toEqual(heldOf(next));
      for (const [id, user] of next.users) {
        const told = delta?.UserProfiles?.find(({ ID }) => ID === id) ?? old.users.get(id);
        expect(told).toEqual(user);
      }
      for (const user of delta?.UserProfiles ?? [])
        expect(old.users.get(user.ID)).not.toEqual(user);
    }),
    { numRuns: 600 },
  );
});

test('a client that follows a stream of deltas has what a fresh one gets', () => {
  fc.assert(
    fc.property(view, fc.array(view, { minLength: 2, maxLength: 5 }), (first, steps) => {
      let sent = first;
      let netmap = receive(undefined, fullMapResponse(first));
      for (const next of steps) {
        const delta = diffViews(sent, next);
        if (delta !== undefined) netmap = receive(netmap, delta);
        sent = next;
      }
      const wanted = receive(undefined, fullMapResponse(sent));
      expect({ ...netmap, users: undefined }).toEqual({ ...wanted, users: undefined });
      expect([...netmap.users]).toEqual(expect.arrayContaining([...wanted.users]));
    }),
    { numRuns: 200 },
  );
});

test('the views of these tests leave out no field of a node', () => {
  const fields: Record<keyof WireNode, true> = {
    ...{ ID: true, StableID: true, Name: true, User: true, Key: true, KeyExpiry: true },
    ...{ Machine: true, DiscoKey: true, Addresses: true, AllowedIPs: true, Endpoints: true },
    ...{ PrimaryRoutes: true },
    ...{
      HomeDERP: true,
      DERP: true,
      Hostinfo: true,
      Created: true,
      Cap: true,
      Tags: true,
      Online: true,
    },
    ...{ LastSeen: true, MachineAuthorized: true, Expired: true, CapMap: true, WarrenNat: true },
    ...{ IsWireGuardOnly: true, KeepAlive: true, IsJailed: true },
  };
  const seen = fc.sample(anyPeer(1, 0), 500).flatMap((peer) => Object.keys(peer));
  expect([...new Set(seen)].sort()).toEqual(Object.keys(fields).sort());
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
