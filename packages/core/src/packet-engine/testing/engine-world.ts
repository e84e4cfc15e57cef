/**
 * A few PacketEngines on a network in memory, under one virtual clock and one seed. For tests only.
 *
 * UDP between known endpoints and relays between known keys lose, delay, reorder (by jitter) and duplicate
 * as `link` and `relayLink` say. Nothing here decides paths: tests play the PathEngine by `tell`.
 */
import { assert } from '../../base/assert.js';
import { after, type Instant, instant, wallTime } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { ALL_PORTS, DEFAULT_PROTOCOLS } from '../../engines/filter-rule.js';
import type { DownMessage, RelayPacket, UpMessage } from '../../engines/messages.js';
import type { Path, SocketId } from '../../engines/paths.js';
import type { Endpoint, IpAddress } from '../../ip/address.js';
import { hostPrefix, type Prefix } from '../../ip/prefix.js';
import { generatePrivateKey, type NodeKey, publicKeyOf } from '../../keys/keys.js';
import { createDatagramBatch } from '../datagram-batch.js';
import { PacketEngine } from '../packet-engine.js';
import { ipPacket, ipPayload, TEST_PROTOCOL, tunBatch } from './ip-packets.js';

const EVERYBODY = ['0.0.0.0/0', '::/0'] as Prefix[];

const WALL_START_MS = 1_767_225_600_000;

/** What a way does to packets. */
export interface Link {
  readonly lossFraction: number;
  readonly duplicateFraction: number;
  readonly delayMs: number;
  /** Added evenly spread, so that packets overtake each other. */
  readonly jitterMs: number;
}

/** Lets everything through in both directions: what most tests are about is WireGuard. */
export const OPEN_FILTER: Extract<DownMessage, { type: 'set-filter' }> = {
  type: 'set-filter',
  rules: [
    {
      protocols: [...DEFAULT_PROTOCOLS, TEST_PROTOCOL],
      sources: EVERYBODY,
      targets: EVERYBODY.map((prefix) => ({ prefix, ports: ALL_PORTS })),
    },
  ],
  localAddresses: EVERYBODY,
};

/** A way that does nothing but take 10 ms. */
export const CLEAN: Link = { lossFraction: 0, duplicateFraction: 0, delayMs: 10, jitterMs: 0 };

interface Arrival {
  readonly at: Instant;
  readonly order: number;
  readonly deliver: () => void;
}

export class TestNode {
  readonly engine: PacketEngine;
  readonly key: NodeKey;
  readonly overlay: IpAddress;
  /** Everything that went up, except relay packets. */
  readonly up: UpMessage[] = [];
  /** Packets that reached the operating system. */
  readonly written: Uint8Array[] = [];
  readonly sockets = new Map<SocketId, Endpoint>();
  readonly opened: SocketId[] = [];
  readonly closed: SocketId[] = [];
  /** Datagrams and relay messages that left. */
  udpSent = 0;
  relayMessages = 0;
  readonly #world: EngineWorld;

  constructor(world: EngineWorld, random: SeededRandom, overlay: IpAddress) {
    this.#world = world;
    this.overlay = overlay;
    this.engine = new PacketEngine({
      crypto: nobleCrypto,
      random: random.fork(),
      wallClock: () => wallTime(WALL_START_MS + world.now),
      tun: { write: (memory, at, length) => this.written.push(memory.slice(at, at + length)) },
      udp: {
        open: (socketId) => this.opened.push(socketId),
        close: (socketId) => this.closed.push(socketId),
        send: (socketId, remote, memory, at, length) => {
          this.udpSent++;
          world.carryUdp(this.sockets.get(socketId), remote, memory.slice(at, at + length));
        },
      },
      up: { send: (message) => this.#takeUp(message) },
    });
    const privateKey = generatePrivateKey('node', random);
    this.key = publicKeyOf(nobleCrypto, 'node', privateKey);
    this.tell({ type: 'set-identity', privateKey });
  }

  /** Speaks as the PathEngine. */
  tell(message: DownMessage): void {
    this.engine.handle(message, this.#world.now);
  }

  /** Makes `other` a peer with its own address. */
  knows(
    other: TestNode,
    settings: { keepaliveMs?: number; followsSource?: boolean; isJailed?: true } = {},
  ): void {
    this.tell({
      type: 'set-peer',
      peer: other.key,
      allowedIps: [hostPrefix(other.overlay)],
      keepaliveMs: settings.keepaliveMs ?? 0,
      followsSource: settings.followsSource ?? false,
      ...(settings.isJailed === true ? { isJailed: true } : {}),
    });
  }

  reaches(other: TestNode, ...paths: Path[]): void {
    this.tell({ type: 'set-paths', peer: other.key, paths });
  }

  /** Sends payloads to the overlay address of `other` in one batch. */
  sendTo(other: TestNode, ...payloads: Uint8Array[]): void {
    this.sendPackets(...payloads.map((bytes) => ipPacket(this.overlay, other.overlay, bytes)));
  }

  /** Sends whole IP packets in one batch. */
  sendPackets(...packets: Uint8Array[]): void {
    this.engine.handleTunBatch(tunBatch(packets), this.#world.now);
  }

  /** A datagram arrives on `socketId`. */
  receive(socketId: SocketId, source: Endpoint, bytes: Uint8Array): void {
    const batch = createDatagramBatch(bytes, 1);
    batch.lengths[0] = bytes.length;
    batch.sources[0] = source;
    batch.count = 1;
    this.engine.handleUdpBatch(socketId, batch, this.#world.now);
  }

  /** Payloads of all packets that reached the operating system. */
  payloads(): Uint8Array[] {
    return this.written.map(ipPayload);
  }

  upOf<Type extends UpMessage['type']>(type: Type): Extract<UpMessage, { type: Type }>[] {
    return this.up.filter(
      (message): message is Extract<UpMessage, { type: Type }> => message.type === type,
    );
  }

  /** All drop counters. */
  totals(): Readonly<Record<string, number>> {
    return this.counters().totals;
  }

  counters(): Extract<UpMessage, { type: 'counters' }> {
    this.tell({ type: 'report-counters' });
    const last = this.up.pop();
    assert(last?.type === 'counters', 'a report is answered at once');
    return last;
  }

  #takeUp(message: UpMessage): void {
    if (message.type !== 'relay-send') {
      this.up.push(message);
      return;
    }
    this.relayMessages++;
    for (const packet of message.packets) this.#world.carryRelayed(this, packet);
  }
}

export class EngineWorld {
  now: Instant = instant(500_000);
  link: Link = CLEAN;
  relayLink: Link = { ...CLEAN, delayMs: 40 };
  readonly random: SeededRandom;
  readonly #nodes: TestNode[] = [];
  readonly #arrivals: Arrival[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** A node with one socket (number 1) at `endpoint`; `isOpen`: with {@link OPEN_FILTER}, else with none. */
  node(overlay: string, endpoint: string, isOpen = true): TestNode {
    const node = new TestNode(this, this.random, overlay as IpAddress);
    if (isOpen) node.tell(OPEN_FILTER);
    node.sockets.set(1, endpoint as Endpoint);
    this.#nodes.push(node);
    return node;
  }

  /** Two nodes that know each other and send straight, from socket 1 to socket 1. */
  couple(): readonly [TestNode, TestNode] {
    const a = this.node('100.64.0.1', '192.0.2.1:41641');
    const b = this.node('100.64.0.2', '192.0.2.2:41641');
    a.knows(b);
    b.knows(a);
    a.reaches(b, direct('192.0.2.2:41641'));
    b.reaches(a, direct('192.0.2.1:41641'));
    return [a, b];
  }

  /** Lets `ms` pass, with every arrival and timer in order. */
  pass(ms: number): void {
    const end = after(this.now, ms);
    for (;;) {
      const arrival = this.#arrivals[0];
      const timeouts = this.#nodes.map((node) => node.engine.nextTimeout() ?? Infinity);
      const next = Math.min(arrival?.at ?? Infinity, ...timeouts);
      if (next > end) break;
      this.now = instant(Math.max(this.now, next));
      if (arrival !== undefined && arrival.at <= this.now) {
        this.#arrivals.shift();
        arrival.deliver();
      } else {
        for (const node of this.#nodes) node.engine.handleTimeout(this.now);
      }
    }
    this.now = end;
  }

  carryUdp(source: Endpoint | undefined, remote: Endpoint, bytes: Uint8Array): void {
    if (source === undefined) return;
    this.#carry(this.link, () => {
      for (const node of this.#nodes) {
        for (const [socketId, endpoint] of node.sockets) {
          if (endpoint === remote) node.receive(socketId, source, bytes.slice());
        }
      }
    });
  }

  carryRelayed(from: TestNode, packet: RelayPacket): void {
    const { regionId } = packet;
    this.#carry(this.relayLink, () => {
      const bytes = packet.bytes.slice();
      const packets = [{ peer: from.key, regionId, bytes }];
      for (const node of this.#nodes) {
        if (node.key === packet.peer) node.tell({ type: 'relay-received', packets });
      }
    });
  }

  #carry(link: Link, deliver: () => void): void {
    const copies = this.random.fraction() < link.duplicateFraction ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.random.fraction() < link.lossFraction) continue;
      const at = after(this.now, link.delayMs + this.random.fraction() * link.jitterMs);
      this.#arrivals.push({ at, order: this.#order++, deliver });
    }
    this.#arrivals.sort((a, b) => a.at - b.at || a.order - b.order);
  }
}

/** From socket 1 to `remote`. */
export function direct(remote: string, socketId: SocketId = 1): Path {
  return { kind: 'direct', socketId, remote: remote as Endpoint };
}

export function relay(regionId: number): Path {
  return { kind: 'relay', regionId };
}
