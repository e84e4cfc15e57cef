import { beforeEach, expect, test } from 'vitest';
import { wallTime } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { ephemeralIdleMs, offlineGraceMs } from './presence.js';
import { MapSessions, slowClientMs } from './sessions.js';
import { type NodeId, withNode, withoutNode } from './state.js';
import { discoKey, nodeKey, start } from './test-network.js';
import { relayMap, Stage, settings } from './test-stage.js';

let stage: Stage;

/** Two nodes, both on stream, quiet. */
beforeEach(() => {
  stage = new Stage();
  stage.network.join(1);
  stage.network.join(2);
  stage.publish();
  stage.open(1, 1);
  stage.open(2, 2);
  stage.pass(1000);
});

test('the first message is full and comes at once', () => {
  stage.open(3, 1);
  expect(stage.messages(3)).toHaveLength(1);
  expect(stage.messages(3)[0]).toMatchObject({
    Node: { ID: 1, Name: 'host-1.net.example.', MachineAuthorized: true },
    Peers: [{ ID: 2, Online: true }],
    DERPMap: relayMap,
    Domain: 'net.example',
    DNSConfig: { Proxied: true, Domains: ['net.example'] },
    PacketFilters: {
      base: [
        {
          SrcIPs: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'],
          DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }],
        },
      ],
    },
    UserProfiles: [{ ID: 1, LoginName: 'ann@net.example', DisplayName: 'Ann' }],
    Debug: { DisableLogTail: true },
    ControlTime: '2026-01-02T00:00:01Z',
  });
});

test('the node that comes online is a patch to the others and nothing to itself', () => {
  expect(stage.messages(1)).toHaveLength(2);
  expect(stage.messages(1)[1]).toEqual({ PeersChangedPatch: [{ NodeID: 2, Online: true }] });
  expect(stage.messages(2)).toHaveLength(1);
});

test('a lite update reaches the peer as one patch within 100 ms', () => {
  stage.update(1, {
    Hostinfo: { Hostname: 'host-1', OS: 'linux', NetInfo: { PreferredDERP: 900 } },
  });
  stage.pass(100);
  expect(stage.messages(2)[1]).toEqual({
    PeersChangedPatch: [
      {
        NodeID: 1,
        DERPRegion: 900,
        Endpoints: ['192.0.2.1:41641'],
        DiscoKey: `discokey:${discoKey(1)}`,
      },
    ],
  });
  expect(stage.messages(1)).toHaveLength(2);
});

test('a home relay is said in both spellings: clients below version 111 know the older alone', () => {
  stage.update(1, {
    Hostinfo: { Hostname: 'host-1', OS: 'linux', NetInfo: { PreferredDERP: 900 } },
  });
  stage.open(3, 2);
  expect(stage.messages(3)[0]).toMatchObject({
    Peers: [{ ID: 1, HomeDERP: 900, DERP: '127.3.3.40:900' }],
  });
});

test('a burst of changes becomes one message', () => {
  for (let port = 1; port <= 20; port++) stage.update(1, { Endpoints: [`192.0.2.1:${port}`] });
  stage.pass(100);
  expect(stage.messages(2)).toHaveLength(2);
  expect(stage.netmap(2, 2).peers.get(1)?.endpoints).toEqual(['192.0.2.1:20']);
});

test('a change that changes nothing sends nothing', () => {
  stage.update(1, {});
  stage.pass(100);
  const before = stage.messages(2).length;
  stage.update(1, {});
  stage.update(1, {
    Hostinfo: { Hostname: 'host-1', OS: 'linux', NetInfo: { DERPLatency: { 1: 2 } } },
  });
  stage.pass(1000);
  expect(stage.messages(2)).toHaveLength(before);
  expect(stage.sessions.counters.get('map-delta-empty')).toBeGreaterThan(0);
});

test('a new machine appears with its user, a deleted one disappears', () => {
  stage.network.join(3, { loginName: 'bob@net.example', displayName: 'Bob' });
  stage.publish();
  stage.pass(100);
  const last = (): object | undefined => stage.messages(1).at(-1);
  expect(last()).toMatchObject({
    PeersChanged: [{ ID: 3, Online: false }],
    UserProfiles: [{ DisplayName: 'Bob' }],
  });
  stage.network.state = withoutNode(stage.network.state, 3);
  stage.publish();
  stage.pass(100);
  expect(last()).toEqual({ PeersRemoved: [3] });
});

test('nodes of another tailnet are neither seen nor heard of', () => {
  stage.network.join(3, { tailnet: 'elsewhere' });
  stage.publish();
  stage.open(3, 3);
  stage.pass(1000);
  expect([...stage.netmap(3, 3).peers.keys()]).toEqual([]);
  expect([...stage.netmap(1, 1).peers.keys()]).toEqual([2]);
  expect(stage.messages(1)).toHaveLength(2);
});

test('a quiet stream carries a keep-alive every 50 to 59 s', () => {
  const before = stage.messages(2).length;
  stage.pass(49_000);
  expect(stage.messages(2)).toHaveLength(before);
  stage.pass(10_000);
  expect(stage.messages(2).slice(before)).toEqual([{ KeepAlive: true }]);
  stage.pass(10 * 59_000);
  const kept = stage.messages(2).slice(before);
  expect(kept.length).toBeGreaterThanOrEqual(11);
  expect(kept.length).toBeLessThanOrEqual(13);
});

test('a stream that ends leaves its node online for the grace time only', () => {
  stage.handle({ type: 'closed', session: 2 });
  stage.pass(offlineGraceMs - 1);
  expect(stage.messages(1)).toHaveLength(2);
  stage.pass(101);
  expect(stage.messages(1).at(-1)).toEqual({
    PeersChangedPatch: [{ NodeID: 2, Online: false, LastSeen: '2026-01-02T00:00:01Z' }],
  });
  expect(stage.others).toEqual([{ type: 'offline', node: 2, lastSeen: start + 1000 }]);
  stage.open(3, 2);
  stage.pass(100);
  expect(stage.messages(1).at(-1)).toEqual({ PeersChangedPatch: [{ NodeID: 2, Online: true }] });
});

test('a stream that is replaced in time changes nothing, in either order', () => {
  stage.handle({ type: 'closed', session: 2 });
  stage.pass(5000);
  stage.open(3, 2);
  stage.open(4, 2);
  stage.handle({ type: 'closed', session: 3 });
  stage.pass(20_000);
  expect(stage.messages(1)).toHaveLength(2);
  expect(stage.others).toEqual([]);
});

test('while a frame is under way changes merge, and come when it is taken', () => {
  stage.stuck.add(2);
  stage.update(1, { Endpoints: ['192.0.2.1:1'] });
  stage.pass(100);
  const before = stage.messages(2).length;
  stage.update(1, { Endpoints: ['192.0.2.1:2'] });
  stage.update(1, { Endpoints: ['192.0.2.1:3'] });
  stage.pass(1000);
  expect(stage.messages(2)).toHaveLength(before);
  stage.stuck.clear();
  stage.handle({ type: 'drained', session: 2 });
  stage.pass(100);
  expect(stage.messages(2).slice(before)).toEqual([
    { PeersChangedPatch: [{ NodeID: 1, Endpoints: ['192.0.2.1:3'] }] },
  ]);
});

test('a client that takes nothing is dropped and holds up nobody', () => {
  stage.stuck.add(2);
  stage.update(1, { Endpoints: ['192.0.2.1:1'] });
  stage.pass(slowClientMs + 100);
  expect(stage.others).toContainEqual({ type: 'close', session: 2, reason: 'slow-client' });
  expect(stage.sessions.size).toBe(1);
  stage.network.join(3);
  stage.publish();
  stage.pass(100);
  expect(stage.netmap(1, 1).peers.has(3)).toBe(true);
});

test('a poll under a replaced or deleted node key is ended, a new one under it refused', () => {
  stage.network.register(1, {
    Auth: { AuthKey: stage.network.authKey() },
    NodeKey: `nodekey:${nodeKey(11)}`,
  });
  stage.publish();
  stage.pass(100);
  expect(stage.others).toEqual([{ type: 'close', session: 1, reason: 'key-replaced' }]);
  expect(stage.messages(2).at(-1)).toEqual({
    PeersChangedPatch: [{ NodeID: 1, Key: `nodekey:${nodeKey(11)}` }],
  });
  stage.network.state = withoutNode(stage.network.state, 2);
  stage.publish();
  stage.pass(100);
  stage.open(9, 2);
  expect(stage.others.slice(1)).toEqual([
    { type: 'close', session: 2, reason: 'unknown-node' },
    { type: 'close', session: 9, reason: 'unknown-node' },
  ]);
});

test('when a key expires its node sees nobody and its peers see it expired', () => {
  const node = stage.network.node(2);
  stage.network.state = withNode(stage.network.state, {
    ...node,
    keyExpiry: wallTime(stage.wall + 60_000),
  });
  stage.publish();
  stage.pass(61_000);
  expect(stage.netmap(1, 1).peers.get(2)).toMatchObject({ expired: true, online: false });
  const own = stage.netmap(2, 2);
  expect(own.self).toMatchObject({ expired: true, machineAuthorized: false });
  expect(own.peers.size).toBe(0);
  expect(stage.messages(2).at(-1)).toMatchObject({ PacketFilters: { base: [] } });
});

test('an ephemeral node is given up half an hour after its last stream, not before its first', () => {
  const ephemeral = stage.network.join(3, { ephemeral: true }).id;
  const givenUp = (): NodeId[] =>
    stage.others.flatMap((output) => (output.type === 'abandoned' ? [output.node] : []));
  stage.publish();
  stage.pass(2 * ephemeralIdleMs);
  expect(givenUp()).toEqual([]);
  stage.open(3, 3);
  stage.pass(2 * ephemeralIdleMs);
  stage.handle({ type: 'closed', session: 3 });
  stage.pass(ephemeralIdleMs);
  expect(givenUp()).toEqual([]);
  stage.pass(offlineGraceMs);
  expect(givenUp()).toEqual([ephemeral]);
});

test('a restarted server gives ephemeral nodes their half hour before it deletes them', () => {
  const node = stage.network.join(3, { ephemeral: true });
  stage.network.state = withNode(stage.network.state, { ...node, lastSeen: start });
  stage.sessions = new MapSessions(stage.network.state, settings, new SeededRandom(1));
  stage.others.length = 0;
  stage.handle({ type: 'timeout' });
  stage.pass(ephemeralIdleMs - 1);
  expect(stage.others).toEqual([]);
  stage.pass(1);
  expect(stage.others).toEqual([{ type: 'abandoned', node: node.id }]);
});

test('one that was online when the server was killed is away from its restart on', () => {
  // Its record has no end of a session: the server that would have written it is gone.
  const node = stage.network.join(3, { ephemeral: true });
  expect(node.lastSeen).toBeUndefined();
  stage.sessions = new MapSessions(stage.network.state, settings, new SeededRandom(1));
  stage.others.length = 0;
  stage.handle({ type: 'timeout' });
  const later = stage.network.join(4, { ephemeral: true });
  stage.publish();
  stage.pass(2 * ephemeralIdleMs);
  expect(stage.others).toEqual([{ type: 'abandoned', node: node.id }]);
  expect(stage.network.state.nodes.has(later.id)).toBe(true);
});

test('a rotated node key is a patch to the peers, and ends the poll under the old one', () => {
  const { id } = stage.network.node(2);
  stage.network.register(2, {
    NodeKey: `nodekey:${nodeKey(22)}`,
    OldNodeKey: `nodekey:${nodeKey(2)}`,
    Auth: { AuthKey: stage.network.authKey() },
  });
  stage.publish();
  stage.pass(100);
  expect(stage.messages(1).slice(-1)).toEqual([
    { PeersChangedPatch: [{ NodeID: id, Key: `nodekey:${nodeKey(22)}` }] },
  ]);
  expect(stage.others).toContainEqual({ type: 'close', session: 2, reason: 'key-replaced' });
});

test('whatever happens in whatever order, every client ends with the present network', () => {
  const random = new SeededRandom(42);
  for (let machine = 3; machine <= 6; machine++) stage.network.join(machine);
  stage.publish();
  for (let machine = 3; machine <= 6; machine++) stage.open(machine, machine);
  for (let step = 0; step < 300; step++) {
    const machine = 1 + random.below(6);
    const session = 1 + random.below(6);
    switch (random.below(5)) {
      case 0:
        stage.update(machine, { Endpoints: [`192.0.2.${machine}:${1 + random.below(9)}`] });
        break;
      case 1:
        stage.update(machine, { Hostinfo: { Hostname: `name-${random.below(4)}` } });
        break;
      case 2:
        stage.pass(random.below(200));
        break;
      case 3:
        stage.stuck.add(session);
        break;
      default:
        if (stage.stuck.delete(session)) stage.handle({ type: 'drained', session });
    }
  }
  for (const session of stage.stuck) stage.handle({ type: 'drained', session });
  stage.stuck.clear();
  stage.pass(1000);
  for (let machine = 1; machine <= 6; machine++) {
    stage.open(100 + machine, machine);
    const fresh = stage.netmap(100 + machine, machine);
    expect(stage.netmap(machine, machine)).toEqual(fresh);
  }
});

test('certificates of relays are pinned for those who know pins: stock clients from 1.82 on, and Warren’s', () => {
  const pinned = { Name: '7a', RegionID: 7, HostName: '192.0.2.7', CertName: 'sha256-raw:00' };
  const named = { Name: '7b', RegionID: 7, HostName: '192.0.2.8', CertName: 'relay.example' };
  const region = { RegionID: 7, RegionCode: 'new', RegionName: 'New', Nodes: [pinned, named] };
  const other = { Regions: { 7: region }, omitDefaultRegions: true };
  stage.handle({ type: 'relay-map', relayMap: other });
  const told = (machine: number, version: number, app: string | undefined) => {
    const Hostinfo = { Hostname: `host-${machine}`, OS: 'linux', App: app };
    stage.update(machine, { Version: version, Hostinfo });
    const session = 100 * version + machine;
    stage.open(session, machine);
    return stage.messages(session)[0];
  };
  const { CertName: _, ...bare } = pinned;
  const old = { ...other, Regions: { 7: { ...region, Nodes: [bare, named] } } };
  expect(told(1, 113, 'warren')).toHaveProperty('DERPMap', other);
  expect(told(1, 115, undefined)).toHaveProperty('DERPMap', other);
  expect(told(2, 113, undefined)).toHaveProperty('DERPMap', old);
  expect(told(2, 106, 'tsnet')).toHaveProperty('DERPMap', old);
  stage.handle({ type: 'relay-map', relayMap });
  stage.pass(1000);
  expect(stage.messages(100 * 106 + 2).at(-1)).toEqual({ DERPMap: relayMap });
});

test('another relay map reaches everybody as a delta with nothing else; the same one nobody', () => {
  const before = [stage.messages(1).length, stage.messages(2).length];
  const region = { RegionID: 7, RegionCode: 'new', RegionName: 'New', Nodes: [] };
  const other = { Regions: { 7: region }, omitDefaultRegions: true };
  for (const again of [other, structuredClone(other)]) {
    stage.handle({ type: 'relay-map', relayMap: again });
    stage.pass(1000);
  }
  for (const session of [1, 2]) {
    expect(stage.messages(session).slice(before[session - 1])).toEqual([{ DERPMap: other }]);
  }
  expect([...stage.netmap(1, 1).relayMap.regions.keys()]).toEqual([7]);
});
