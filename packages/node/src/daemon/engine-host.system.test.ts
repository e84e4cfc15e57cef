/**
 * Two EngineHosts with real data planes, sockets, relay and STUN on loopback; the test plays control and the
 * devices.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { Counters } from '@warren/core/base/counters';
import type { WallTime } from '@warren/core/base/instant';
import type { DownMessage } from '@warren/core/engines/messages';
import type { IpAddress } from '@warren/core/ip/address';
import { hostPrefix } from '@warren/core/ip/prefix';
import {
  type DiscoKey,
  generatePrivateKey,
  type NodeKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import type { NetInfo, OwnEndpoint } from '@warren/core/netmap/own';
import type { NetmapNode, RelayMap } from '@warren/core/netmap/types';
import { OPEN_FILTER } from '@warren/core/packet-engine/testing/engine-world';
import { ipPacket, ipPayload, tunBatch } from '@warren/core/packet-engine/testing/ip-packets';
import type { PathChange } from '@warren/core/path-engine/io';
import { ipv4SocketId } from '@warren/core/path-engine/sockets';
import { searchSocketsFrom } from '@warren/core/paths/running-attempts';
import { type RunningRelay, runRelay } from '@warren/servers/relay/run-relay';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSharedBacklog } from '../plane/backlog.js';
import type { OpenIo, PlaneTun, TunEvents } from '../plane/plane-io.js';
import type { FromPlane } from '../plane/plane-messages.js';
import { portableIo } from '../plane/portable-io.js';
import { runPlane } from '../plane/run-plane.js';
import { EngineHost, type EngineHostEvents } from './engine-host.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const shared = { crypto, random, clock: systemClock, log: silentLogger };

let directory: string;
let relay: RunningRelay;
const nodes: TestNode[] = [];

/** One machine: a host, its plane in this thread, and what both told. */
class TestNode {
  readonly nodePrivateKey = generatePrivateKey('node', random);
  readonly discoPrivateKey = generatePrivateKey('disco', random);
  readonly key: NodeKey = publicKeyOf(crypto, 'node', this.nodePrivateKey);
  readonly discoKey: DiscoKey = publicKeyOf(crypto, 'disco', this.discoPrivateKey);
  readonly written: string[] = [];
  readonly changes: PathChange[] = [];
  readonly downs: DownMessage[] = [];
  readonly id: number;
  endpoints: readonly OwnEndpoint[] = [];
  netInfo: NetInfo | undefined;
  host!: EngineHost;
  tun: TunEvents | undefined;
  stop: () => void = () => undefined;

  private constructor(id: number) {
    this.id = id;
  }

  get overlay(): IpAddress {
    return `100.64.0.${this.id}` as IpAddress;
  }

  static async start(id: number, events: Partial<EngineHostEvents> = {}): Promise<TestNode> {
    const node = new TestNode(id);
    nodes.push(node);
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (message: FromPlane) => {
      if (message.type === 'up') node.host.handleUps(message.messages);
    });
    const backlogs = { downBacklog: createSharedBacklog(), upBacklog: createSharedBacklog() };
    const openIo: OpenIo = (_, io) => {
      node.tun = io;
      const device: PlaneTun = {
        write: (memory, at, length) => {
          node.written.push(Buffer.from(ipPayload(memory.slice(at, at + length))).toString());
        },
        close: () => undefined,
      };
      return Promise.resolve(portableIo(device, io));
    };
    const data = { tunName: 'none', mtuBytes: 1280, ...backlogs };
    await runPlane(port2, data, { openIo, crypto, cipherName: 'node' });
    const plane = {
      counters: new Counters(),
      send: (message: DownMessage) => {
        node.downs.push(message);
        port1.postMessage({ type: 'down', messages: [message] });
      },
    };
    node.host = new EngineHost(
      { ...shared, ...node, plane, listenPort: 0 },
      {
        onEndpoints: (endpoints) => {
          node.endpoints = endpoints;
          tellAll();
        },
        onNetInfo: (netInfo) => {
          node.netInfo = netInfo;
          tellAll();
        },
        onPathChanged: (change) => node.changes.push(change),
        onRelayReady: () => undefined,
        ...events,
      },
    );
    node.host.handle({ type: 'local-addresses', addresses: ['127.0.0.1' as IpAddress] });
    node.stop = () => {
      node.host.close();
      port1.postMessage({ type: 'stop' });
    };
    return node;
  }

  /** What its operating system sends into the tunnel. */
  says(to: TestNode, text: string): void {
    this.tun?.onPackets(tunBatch([ipPacket(this.overlay, to.overlay, Buffer.from(text))]));
  }

  inNetmap(): NetmapNode {
    const address = hostPrefix(this.overlay);
    return {
      id: this.id,
      stableId: `n${this.id}`,
      name: `n${this.id}.example.`,
      key: this.key,
      machineKey: undefined,
      discoKey: this.discoKey,
      addresses: [address],
      allowedIps: [address],
      endpoints: this.endpoints.map(({ endpoint }) => endpoint),
      homeRegion: this.netInfo?.homeRegion,
      userId: 1,
      online: true,
      lastSeen: undefined,
      keyExpiry: 4e12 as WallTime,
      expired: false,
      machineAuthorized: true,
      capVersion: 113,
      isWireGuardOnly: false,
      tags: [],
      hostName: `n${this.id}`,
      os: 'linux',
    };
  }
}

function relayMap(): RelayMap {
  const node = {
    name: '1a',
    regionId: 1,
    hostName: '127.0.0.1',
    certName: relay.region.Nodes[0]?.CertName,
    ipv4: '127.0.0.1' as IpAddress,
    ipv6: null,
    relayPort: relay.port,
    stunPort: relay.stunPort,
    stunOnly: false,
  };
  const region = { id: 1, code: 'one', name: 'One', noMeasureNoHome: false, nodes: [node] };
  return { regions: new Map([[1, region]]) };
}

/** As control does when something of a node is news. */
function tellAll(): void {
  for (const node of nodes) {
    const peers = nodes.filter((other) => other !== node).map((other) => other.inNetmap());
    node.host?.handle({
      type: 'netmap',
      netmap: {
        self: node.inNetmap(),
        peers: new Map(peers.map((peer) => [peer.id, peer])),
        relayMap: relayMap(),
        users: new Map(),
        domain: 'example',
        packetFilter: OPEN_FILTER.rules,
        filterSets: new Map(),
      },
    });
  }
}

async function until(what: string, holds: () => boolean, ms = 15_000): Promise<void> {
  for (const end = performance.now() + ms; !holds(); await sleep(10)) {
    if (performance.now() > end) throw new Error(`not ${what} in time`);
  }
}

function startRelay(port = 0, stunPort = 0): Promise<RunningRelay> {
  return runRelay({
    ...shared,
    listenHost: '127.0.0.1',
    port,
    stunPort,
    hostName: '127.0.0.1',
    stateDir: join(directory, 'relay'),
    regionId: 1,
    regionCode: 'one',
    regionName: 'One',
  });
}

const isHome = (node: TestNode): boolean =>
  node.host.status().relays.some(({ state }) => state === 'connected');

async function two(): Promise<[TestNode, TestNode]> {
  const pair: [TestNode, TestNode] = [await TestNode.start(1), await TestNode.start(2)];
  tellAll();
  await until('at home', () => pair.every(isHome));
  return pair;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'warren-engine-host-'));
  relay = await startRelay();
});
afterEach(async () => {
  for (const node of nodes.splice(0)) node.stop();
  await relay.close();
  rmSync(directory, { recursive: true });
});

test('two hosts find each other over the relay and then directly; their packets cross', async () => {
  const [a, b] = await two();
  a.says(b, 'first');
  await until('there', () => b.written.length > 0);
  await until('direct', () => a.host.status().peers[0]?.path?.kind === 'direct');
  expect(await a.host.ping(b.key)).toMatchObject({ outcome: 'pong' });
  a.says(b, 'second');
  await until('there', () => b.written.length === 2);
  expect(b.written).toEqual(['first', 'second']);
  expect(a.changes[0]?.to?.kind).toBe('relay');
  expect(a.changes.at(-1)?.to?.kind).toBe('direct');
});

test('a relay that is away is told while it is wanted, and not any more when it is back', async () => {
  const [a] = await two();
  const troubles = () => a.host.relayTroubles(a.host.status().relays);
  expect(troubles()).toEqual(new Map());
  const { port, stunPort } = relay;
  await relay.close();
  await until('told', () => troubles().size === 1);
  expect(troubles().get(1)).toBeTypeOf('string');
  relay = await startRelay(port, stunPort);
  await until('back', () => isHome(a));
  expect(troubles()).toEqual(new Map());
});

test('a host that is closed takes everything back and leaves nobody waiting', async () => {
  const [a, b] = await two();
  a.says(b, 'hello');
  await until('there', () => b.written.length > 0);
  const pings = [a.host.ping(b.key), a.host.ping(b.key)];
  const counters = a.host.refreshCounters();
  a.downs.length = 0;
  a.host.close();
  a.host.close();
  await Promise.all([...pings, counters]);
  expect(await a.host.ping(b.key)).toEqual({ outcome: 'lost', reason: 'no-path' });
  const types = a.downs.map(({ type }) => type);
  expect(types).toContain('remove-peer');
  expect(types.filter((type) => type === 'close-socket')).toHaveLength(2);
  expect(a.host.isClosed).toBe(true);
});

test('a host may be closed from within what it tells', async () => {
  let isDone = false;
  const a = await TestNode.start(1, {
    onEndpoints: () => {
      a.downs.length = 0;
      a.host.close();
      isDone = true;
    },
  });
  tellAll();
  await until('closed', () => isDone);
  expect(a.downs.map(({ type }) => type)).toContain('close-socket');
});

test('ports that a search opens are nobody’s evidence, and no sign of UDP', () => {
  const opened: number[] = [];
  const host = new EngineHost(
    {
      ...shared,
      nodePrivateKey: generatePrivateKey('node', random),
      discoPrivateKey: generatePrivateKey('disco', random),
      plane: { counters: new Counters(), send: () => undefined },
      listenPort: 0,
      portUse: {
        earlierUses: () => [],
        opened: (port) => opened.push(port),
        dialledBack: () => undefined,
        closed: () => undefined,
      },
    },
    {
      onEndpoints: () => undefined,
      onNetInfo: () => undefined,
      onPathChanged: () => undefined,
      onRelayReady: () => undefined,
    },
  );
  host.handleUps([{ type: 'socket-open', socketId: searchSocketsFrom, port: 50_000 }]);
  expect([host.hasUdp, opened]).toEqual([false, []]);
  host.handleUps([{ type: 'socket-open', socketId: ipv4SocketId, port: 41_641 }]);
  expect([host.hasUdp, opened]).toEqual([true, [41_641]]);
  host.close();
});
