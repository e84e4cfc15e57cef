import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import type { FilterRule } from '@warren/core/engines/filter-rule';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { hostPrefix, type Prefix } from '@warren/core/ip/prefix';
import {
  type DiscoKey,
  generatePrivateKey,
  type NodeKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import { relayMap, relayNode, relayRegion } from '@warren/core/netcheck/testing/netcheck-drive';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import type { PathEngineInput, PathEngineOutput } from '@warren/core/path-engine/io';
import { maxRelayBatch } from '@warren/core/path-engine/outputs';
import { PathEngine } from '@warren/core/path-engine/path-engine';
import { describe, expect, test } from 'vitest';

const random = new SeededRandom(21);
const nodePrivateKey = generatePrivateKey('node', random);
const ownKey = publicKeyOf(nobleCrypto, 'node', nodePrivateKey);
const freshNodeKey = (): NodeKey =>
  publicKeyOf(nobleCrypto, 'node', generatePrivateKey('node', random));
const freshDiscoKey = (): DiscoKey =>
  publicKeyOf(nobleCrypto, 'disco', generatePrivateKey('disco', random));

const region = relayRegion(900, [relayNode(900, '198.51.100.1')]);
const PUBLIC = '203.0.113.9:41641' as Endpoint;

function node(id: number, more: Partial<NetmapNode> = {}): NetmapNode {
  const address = hostPrefix(`100.64.0.${id}` as IpAddress);
  return {
    id,
    stableId: `n${id}`,
    name: `n${id}.example.com.`,
    key: freshNodeKey(),
    machineKey: undefined,
    discoKey: freshDiscoKey(),
    addresses: [address],
    allowedIps: [address],
    endpoints: [PUBLIC],
    homeRegion: 900,
    userId: 1,
    online: true,
    lastSeen: undefined,
    keyExpiry: undefined,
    expired: false,
    machineAuthorized: true,
    capVersion: 113,
    isWireGuardOnly: false,
    tags: [],
    hostName: `n${id}`,
    os: 'linux',
    ...more,
  };
}

function netmap(...peers: NetmapNode[]): Netmap {
  return {
    self: node(1, { key: ownKey }),
    peers: new Map(peers.map((peer) => [peer.id, peer])),
    relayMap: relayMap(region),
    users: new Map(),
    domain: 'example.com',
    packetFilter: [],
    filterSets: new Map(),
  };
}

/** One engine, its outputs kept apart. */
class Drive {
  readonly engine = new PathEngine(
    {
      crypto: nobleCrypto,
      random: new SeededRandom(5),
      nodePrivateKey,
      discoPrivateKey: generatePrivateKey('disco', random),
      listenPort: 41_641,
    },
    instant(0),
  );
  now = instant(0);

  /** Everything out. */
  take(): PathEngineOutput[] {
    const outputs: PathEngineOutput[] = [];
    for (let out = this.engine.poll(); out !== undefined; out = this.engine.poll()) {
      outputs.push(out);
    }
    return outputs;
  }

  input(input: PathEngineInput): PathEngineOutput[] {
    this.engine.handle(input, this.now);
    return this.take();
  }

  up(message: UpMessage): PathEngineOutput[] {
    return this.input({ type: 'up', message });
  }

  /** Runs the timers that are due until `ms` from now. */
  pass(ms: number): PathEngineOutput[] {
    const end = instant(this.now + ms);
    const outputs: PathEngineOutput[] = [];
    for (;;) {
      const at = this.engine.nextTimeout();
      if (at === undefined || at > end) break;
      this.now = instant(Math.max(at, this.now));
      outputs.push(...this.input({ type: 'timeout' }));
    }
    this.now = end;
    return outputs;
  }

  openSockets(): PathEngineOutput[] {
    return [
      ...this.up({ type: 'socket-open', socketId: 1, port: 41_641 }),
      ...this.up({ type: 'socket-open', socketId: 2, port: 41_641 }),
    ];
  }
}

function down<Type extends DownMessage['type']>(
  outputs: readonly PathEngineOutput[],
  type: Type,
): Extract<DownMessage, { type: Type }>[] {
  return outputs.flatMap((output) =>
    output.type === 'down' && output.message.type === type
      ? [output.message as Extract<DownMessage, { type: Type }>]
      : [],
  );
}

const relayPath = { kind: 'relay', regionId: 900 } as const;

describe('the start', () => {
  test('gives the identity and asks for sockets', () => {
    const outputs = new Drive().take();
    expect(down(outputs, 'set-identity')).toEqual([
      { type: 'set-identity', privateKey: nodePrivateKey },
    ]);
    expect(down(outputs, 'open-socket')).toEqual([
      { type: 'open-socket', socketId: 1, family: 4, port: 41_641 },
    ]);
  });

  test('a network map before any socket sets the relay path; candidates follow with the socket', () => {
    const drive = new Drive();
    const peer = node(2);
    const outputs = drive.input({ type: 'netmap', netmap: netmap(peer) });
    expect(down(outputs, 'set-peer')).toEqual([
      {
        type: 'set-peer',
        peer: peer.key,
        allowedIps: peer.allowedIps,
        keepaliveMs: 0,
        followsSource: false,
      },
    ]);
    expect(down(outputs, 'set-paths')).toEqual([
      { type: 'set-paths', peer: peer.key, paths: [relayPath] },
    ]);
    drive.up({ type: 'peer-active', peer: peer.key, at: drive.now });
    const later = drive.openSockets();
    expect(down(later, 'send').map(({ remote }) => remote)).toContain(PUBLIC);
  });

  test('the first data dials the relay of the peer, and waits for it', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    const first = drive.up({ type: 'peer-active', peer: peer.key, at: drive.now });
    expect(first.filter(({ type }) => type === 'relay-dial')).toHaveLength(1);
    drive.up({
      type: 'relay-send',
      packets: [{ peer: peer.key, regionId: 900, bytes: Uint8Array.of(4, 0, 0, 0) }],
    });
    const connected = drive.input({ type: 'relay-connected', regionId: 900 });
    expect(connected).toContainEqual({
      type: 'relay-transmit',
      regionId: 900,
      peer: peer.key,
      packet: Uint8Array.of(4, 0, 0, 0),
    });
  });

  test('a peer without a home is looked for at ours, also when its relay says that it is not there', () => {
    const drive = new Drive();
    const peer = node(2, { homeRegion: undefined });
    const found = drive.input({ type: 'netmap', netmap: netmap(peer) });
    expect(down(found, 'set-paths')).toEqual([
      { type: 'set-paths', peer: peer.key, paths: [relayPath] },
    ]);
    drive.openSockets();
    drive.pass(4000);
    drive.input({ type: 'relay-connected', regionId: 900 });
    const gone = drive.input({ type: 'relay-peer-gone', regionId: 900, peer: peer.key });
    expect(down(gone, 'set-paths')).toEqual([]);
  });
});

describe('network maps', () => {
  test('the same again changes nothing', () => {
    const drive = new Drive();
    const peers = [node(2), node(3)];
    drive.input({ type: 'netmap', netmap: netmap(...peers) });
    const copy = netmap(...peers.map((peer) => ({ ...peer, endpoints: [...peer.endpoints] })));
    expect(drive.input({ type: 'netmap', netmap: copy })).toEqual([]);
  });

  test('only differences go down', () => {
    const drive = new Drive();
    const [a, b] = [node(2), node(3)];
    drive.input({ type: 'netmap', netmap: netmap(a, b) });
    const allowedIps = [...b.allowedIps, '10.9.0.0/16' as Prefix];
    const outputs = drive.input({ type: 'netmap', netmap: netmap({ ...b, allowedIps }) });
    expect(down(outputs, 'remove-peer')).toEqual([{ type: 'remove-peer', peer: a.key }]);
    expect(down(outputs, 'set-peer').map(({ peer, allowedIps: ips }) => [peer, ips])).toEqual([
      [b.key, allowedIps],
    ]);
    expect(down(outputs, 'set-paths')).toEqual([]);
  });

  test('the filter goes down before the peers, and again only when it says something else', () => {
    const drive = new Drive();
    const rule = {
      protocols: [6],
      sources: ['100.64.0.2/32' as Prefix],
      targets: [{ prefix: '100.64.0.1/32' as Prefix, ports: { first: 22, last: 22 } }],
    };
    const map = (...packetFilter: FilterRule[]): Netmap => ({ ...netmap(node(2)), packetFilter });
    const input = (next: Netmap) => drive.input({ type: 'netmap', netmap: next });
    const first = input(map(rule)).flatMap((output) =>
      output.type === 'down' ? [output.message.type] : [],
    );
    expect(first.indexOf('set-filter')).toBeLessThan(first.indexOf('set-peer'));
    expect(down(input(map(structuredClone(rule))), 'set-filter')).toEqual([]);
    const localAddresses = ['100.64.0.1/32'];
    expect(down(input(map()), 'set-filter')).toEqual([
      { type: 'set-filter', rules: [], localAddresses },
    ]);
    const moved = map();
    const self = { ...moved.self, addresses: ['100.64.0.9/32' as Prefix] };
    expect(down(input({ ...moved, self }), 'set-filter')).toEqual([
      { type: 'set-filter', rules: [], localAddresses: ['100.64.0.9/32'] },
    ]);
    expect(down(drive.input({ type: 'stop' }), 'set-filter')).toEqual([
      { type: 'set-filter', rules: [], localAddresses: [] },
    ]);
  });

  test('a peer whose key expired is gone until it has a new one', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    const outputs = drive.input({ type: 'netmap', netmap: netmap({ ...peer, expired: true }) });
    expect(down(outputs, 'remove-peer')).toHaveLength(1);
    const renewed = { ...peer, key: freshNodeKey() };
    const back = drive.input({ type: 'netmap', netmap: netmap(renewed) });
    expect(down(back, 'set-peer').map((message) => message.peer)).toEqual([renewed.key]);
  });

  test('our own key among the peers is not a peer', () => {
    const drive = new Drive();
    const outputs = drive.input({ type: 'netmap', netmap: netmap(node(2, { key: ownKey })) });
    expect(down(outputs, 'set-peer')).toEqual([]);
  });

  test('a map without the region of a peer takes its relay path away', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    const outputs = drive.input({
      type: 'netmap',
      netmap: { ...netmap(peer), relayMap: relayMap() },
    });
    expect(down(outputs, 'set-paths')).toEqual([{ type: 'set-paths', peer: peer.key, paths: [] }]);
  });
});

test('a peer that control wants kept open, or jailed, is told so to the packets until it is not', () => {
  const drive = new Drive();
  const settings = (of: NetmapNode) =>
    down(drive.input({ type: 'netmap', netmap: netmap(of) }), 'set-peer').map(
      ({ keepaliveMs, isJailed = false }) => [keepaliveMs, isJailed],
    );
  const peer = node(2);
  expect(settings(peer)).toEqual([[0, false]]);
  expect(settings({ ...peer, keepAlive: true })).toEqual([[25_000, false]]);
  expect(settings({ ...peer, keepAlive: true })).toEqual([]);
  expect(settings({ ...peer, isJailed: true })).toEqual([[0, true]]);
  expect(settings({ ...peer, isJailed: true })).toEqual([]);
  expect(settings({ ...peer })).toEqual([[0, false]]);
});

describe('plain WireGuard peers', () => {
  const plain = node(2, {
    isWireGuardOnly: true,
    discoKey: undefined,
    homeRegion: undefined,
    endpoints: [PUBLIC, '198.51.100.77:51820' as Endpoint],
  });
  const first = { kind: 'direct', socketId: 1, remote: PUBLIC } as const;

  test('follow their source, from the first endpoint on', () => {
    const drive = new Drive();
    const outputs = drive.input({ type: 'netmap', netmap: netmap(plain) });
    expect(down(outputs, 'set-peer')[0]).toMatchObject({ followsSource: true });
    const open = drive.openSockets();
    expect(down(open, 'set-paths')).toEqual([
      { type: 'set-paths', peer: plain.key, paths: [first] },
    ]);
    expect(drive.up({ type: 'peer-active', peer: plain.key, at: drive.now })).toEqual([]);
    const moved = { kind: 'direct', socketId: 1, remote: '192.0.2.7:9' as Endpoint } as const;
    const roamed = drive.up({ type: 'roamed', peer: plain.key, path: moved });
    expect(down(roamed, 'set-paths')).toEqual([]);
    expect(roamed).toContainEqual({
      type: 'path-changed',
      change: { at: drive.now, peer: plain.key, from: first, to: moved, cause: 'roamed' },
    });
    expect(drive.engine.status(drive.now).peers[0]?.path).toEqual(moved);
    drive.input({ type: 'local-addresses', addresses: ['10.0.0.1' as IpAddress] });
    expect(drive.engine.status(drive.now).peers[0]?.path).toEqual(moved);
  });

  test('cannot be pinged, and say so', () => {
    const drive = new Drive();
    drive.input({ type: 'netmap', netmap: netmap(plain) });
    expect(drive.input({ type: 'ping', id: 7, peer: plain.key })).toEqual([
      {
        type: 'ping-result',
        id: 7,
        peer: plain.key,
        result: { outcome: 'lost', reason: 'no-path' },
      },
    ]);
  });
});

describe('relayed data', () => {
  test('goes down in one message for a burst, and only from known peers', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    drive.input({ type: 'relay-connected', regionId: 900 });
    const packet = (number: number): Uint8Array => new Uint8Array(32).fill(number);
    for (let i = 0; i < 10; i++) {
      drive.engine.handle(
        { type: 'relay-packet', regionId: 900, source: peer.key, packet: packet(i) },
        drive.now,
      );
      drive.engine.handle(
        { type: 'relay-packet', regionId: 900, source: freshNodeKey(), packet: packet(i) },
        drive.now,
      );
    }
    const [batch, ...others] = down(drive.take(), 'relay-received');
    expect(others).toEqual([]);
    expect(batch?.packets.map(({ bytes }) => bytes[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(drive.engine.status(drive.now).counters['relay-unknown-peer']).toBe(10);
  });

  test('a flood is cut into batches', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    for (let i = 0; i < 300; i++) {
      const frame = { regionId: 900, source: peer.key, packet: new Uint8Array(32) };
      drive.engine.handle({ type: 'relay-packet', ...frame }, drive.now);
    }
    const sizes = down(drive.take(), 'relay-received').map(({ packets }) => packets.length);
    expect(sizes).toEqual([maxRelayBatch, maxRelayBatch, 300 - 2 * maxRelayBatch]);
  });
});

describe('what the PacketEngine tells', () => {
  test('of traffic and handshakes is in the status; counters are asked for while anybody is active', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    drive.up({ type: 'peer-active', peer: peer.key, at: drive.now });
    drive.up({ type: 'handshake-done', peer: peer.key, at: instant(3), path: relayPath });
    expect(down(drive.pass(5000), 'report-counters')).toHaveLength(1);
    drive.up({
      type: 'counters',
      peers: [{ peer: peer.key, rxBytes: 10, txBytes: 20, lastHandshakeAt: undefined }],
      totals: { 'no-session': 4 },
    });
    expect(drive.engine.status(drive.now)).toMatchObject({
      counters: { 'no-session': 4 },
      peers: [
        {
          peer: peer.key,
          path: relayPath,
          active: true,
          lastHandshakeAt: 3,
          rxBytes: 10,
          txBytes: 20,
        },
      ],
    });
    expect(down(drive.pass(300_000), 'report-counters').length).toBeLessThan(12);
    expect(drive.engine.status(drive.now).peers[0]?.active).toBe(false);
  });

  test('that a socket died opens it again', () => {
    const drive = new Drive();
    drive.take();
    drive.openSockets();
    drive.up({ type: 'send-failed', socketId: 1, remote: PUBLIC, reason: 'EBADF' });
    const outputs = drive.pass(10);
    expect(down(outputs, 'open-socket')).toEqual([
      { type: 'open-socket', socketId: 1, family: 4, port: 41_641 },
    ]);
  });

  test('about peers that are not there is ignored', () => {
    const drive = new Drive();
    drive.take();
    const peer = freshNodeKey();
    expect(drive.up({ type: 'peer-active', peer, at: drive.now })).toEqual([]);
    expect(drive.up({ type: 'handshake-done', peer, at: drive.now, path: relayPath })).toEqual([]);
    expect(drive.up({ type: 'authenticated', peer, at: drive.now, path: relayPath })).toEqual([]);
  });
});

describe('a peer whose disco key changes', () => {
  test('has restarted: its sessions are void, whatever proved its paths is void', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.openSockets();
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    const restarted = { ...peer, discoKey: freshDiscoKey() };
    const outputs = drive.input({ type: 'netmap', netmap: netmap(restarted) });
    expect(down(outputs, 'peer-restarted')).toEqual([{ type: 'peer-restarted', peer: peer.key }]);
  });

  test('but not one that comes or stays as it is, nor one that lost its key', () => {
    const drive = new Drive();
    const peer = node(2, { discoKey: undefined });
    const withKey = { ...peer, discoKey: freshDiscoKey() };
    const outputs = [peer, withKey, { ...withKey, online: false }, peer].flatMap((next) =>
      drive.input({ type: 'netmap', netmap: netmap(next) }),
    );
    expect(down(outputs, 'peer-restarted')).toEqual([]);
  });
});

describe('a stop', () => {
  test('takes back peers, sockets and relay connections', () => {
    const drive = new Drive();
    drive.openSockets();
    const [peer, plain] = [node(2), node(3, { isWireGuardOnly: true })];
    drive.input({ type: 'netmap', netmap: netmap(peer, plain) });
    drive.up({ type: 'peer-active', peer: peer.key, at: drive.now });
    const outputs = drive.input({ type: 'stop' });
    const removed = down(outputs, 'remove-peer').map((message) => message.peer);
    expect(removed.sort()).toEqual([peer.key, plain.key].sort());
    expect(down(outputs, 'close-socket').map(({ socketId }) => socketId)).toEqual([1, 2]);
    expect(outputs.filter(({ type }) => type === 'relay-hangup')).toHaveLength(1);
  });
});

describe('a changed link', () => {
  test('asks relays for a pong while our addresses stay, and dials anew when one vanished', () => {
    const drive = new Drive();
    drive.input({ type: 'local-addresses', addresses: ['192.168.1.20' as IpAddress] });
    drive.openSockets();
    drive.input({ type: 'netmap', netmap: netmap(node(2)) });
    drive.pass(6000); // a report without any answer
    drive.input({ type: 'relay-connected', regionId: 900 });
    const types = (outputs: readonly PathEngineOutput[]): string[] =>
      outputs.map(({ type }) => type).filter((type) => type.startsWith('relay-'));
    expect(types(drive.input({ type: 'link-changed' }))).toEqual(['relay-probe']);
    drive.input({ type: 'local-addresses', addresses: ['10.0.0.5' as IpAddress] });
    expect(types(drive.input({ type: 'link-changed' }))).toEqual(['relay-hangup', 'relay-dial']);
  });
});

describe("a person's ping", () => {
  test('of an unknown peer is answered at once', () => {
    const drive = new Drive();
    drive.take();
    const peer = freshNodeKey();
    expect(drive.input({ type: 'ping', id: 3, peer })).toEqual([
      { type: 'ping-result', id: 3, peer, result: { outcome: 'lost', reason: 'unknown-peer' } },
    ]);
  });

  test('that nobody answers is lost after 5 s, and one that waits when the peer leaves at once', () => {
    const drive = new Drive();
    const peer = node(2);
    drive.input({ type: 'netmap', netmap: netmap(peer) });
    drive.input({ type: 'ping', id: 3, peer: peer.key });
    const result = (outputs: readonly PathEngineOutput[]): unknown[] =>
      outputs.flatMap((output) => (output.type === 'ping-result' ? [output.result] : []));
    expect(result(drive.pass(4999))).toEqual([]);
    expect(result(drive.pass(1))).toEqual([{ outcome: 'lost', reason: 'timeout' }]);
    drive.input({ type: 'ping', id: 4, peer: peer.key });
    expect(result(drive.input({ type: 'netmap', netmap: netmap() }))).toEqual([
      { outcome: 'lost', reason: 'no-path' },
    ]);
  });
});
