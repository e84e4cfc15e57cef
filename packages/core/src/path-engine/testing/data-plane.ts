/**
 * Stands in for the PacketEngine: numbered packets instead of WireGuard, the same messages to the PathEngine.
 *
 * Every packet goes out on each of the peer's paths, duplicates are told apart on arrival, and a peer that
 * only listens answers with a keepalive after 10 s of silence, as WireGuard does.
 */
import { viewOf } from '../../base/bytes.js';
import type { EventHeap } from '../../base/event-heap.js';
import { after, type Instant } from '../../base/instant.js';
import { classifyDatagram } from '../../disco/classify.js';
import type { DownMessage, RelayPacket, UpMessage } from '../../engines/messages.js';
import { formatPath, type Path, type SocketId } from '../../engines/paths.js';
import type { Endpoint } from '../../ip/address.js';
import type { NodeKey } from '../../keys/keys.js';

/** The PacketEngine tells of activity and of authenticated packets at most this often. */
const reportMs = 1000;
/** WireGuard's passive keepalive. */
const keepaliveMs = 10_000;
const packetBytes = 48;
const numberAt = 4;
const senderAt = 8;
const keepaliveAt = 12;
const lifeAt = 16;

/** What one node received from another. */
export interface Traffic {
  /** Distinct packets. */
  received: number;
  /** Copies, by the path they came on. */
  readonly copies: Map<string, number>;
  /** When the latest new packet came. */
  latestAt: Instant | undefined;
  /** The longest time without a new packet, since the first. */
  longestGapMs: number;
}

interface PeerData {
  paths: readonly Path[];
  sent: number;
  sentAt: Instant | undefined;
  activeAt: Instant | undefined;
  talkEveryMs: number | undefined;
  readonly seen: Set<number>;
  readonly traffic: Traffic;
  readonly authenticatedAt: Map<string, Instant>;
}

export interface DataPlaneOptions {
  readonly heap: EventHeap;
  readonly now: () => Instant;
  /** This node's number; data names its sender so. */
  readonly number: number;
  /** How often this node was started: its packets are numbered from 0 each time. */
  readonly life: number;
  readonly peerOf: (number: number) => NodeKey | undefined;
  readonly sendUdp: (socketId: SocketId, remote: Endpoint, bytes: Uint8Array) => void;
  readonly openSocket: (message: Extract<DownMessage, { type: 'open-socket' }>) => void;
  readonly closeSocket: (socketId: SocketId) => void;
  readonly up: (message: UpMessage) => void;
}

export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #peers = new Map<NodeKey, PeerData>();
  #stopped = false;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
  }

  /** Peers that were set and not removed. */
  get peers(): readonly NodeKey[] {
    return [...this.#peers.keys()];
  }

  pathsTo(peer: NodeKey): readonly Path[] {
    return this.#peers.get(peer)?.paths ?? [];
  }

  trafficFrom(peer: NodeKey): Traffic {
    return this.#data(peer).traffic;
  }

  /** Packets sent to a peer so far. */
  sentTo(peer: NodeKey): number {
    return this.#peers.get(peer)?.sent ?? 0;
  }

  /** Starts sending to a peer. */
  talk(peer: NodeKey, everyMs: number): void {
    const data = this.#data(peer);
    const idle = data.talkEveryMs === undefined;
    data.talkEveryMs = everyMs;
    if (idle) this.#talkOn(peer, data);
  }

  hush(peer: NodeKey): void {
    this.#data(peer).talkEveryMs = undefined;
  }

  /** The node's process ends: nothing goes out any more. */
  stop(): void {
    this.#stopped = true;
  }

  down(message: DownMessage): void {
    switch (message.type) {
      case 'set-peer':
        this.#data(message.peer);
        break;
      case 'remove-peer':
        this.#peers.delete(message.peer);
        break;
      case 'set-paths':
        this.#data(message.peer).paths = message.paths;
        break;
      case 'open-socket':
        this.#options.openSocket(message);
        break;
      case 'close-socket':
        this.#options.closeSocket(message.socketId);
        break;
      case 'send':
        this.#options.sendUdp(message.socketId, message.remote, message.bytes);
        break;
      case 'relay-received':
        for (const { regionId, bytes } of message.packets) {
          this.#arrived(bytes, { kind: 'relay', regionId });
        }
        break;
      case 'set-identity':
      case 'set-filter':
      case 'report-counters':
        break;
    }
  }

  /** A datagram reached one of the sockets. */
  datagram(socketId: SocketId, source: Endpoint, bytes: Uint8Array): void {
    const kind = classifyDatagram(bytes, 0, bytes.length);
    if (kind === 'wireguard') {
      this.#arrived(bytes, { kind: 'direct', socketId, remote: source });
    } else if (kind === 'stun' || kind === 'disco') {
      const receivedAt = this.#options.now();
      this.#options.up({ type: 'datagram', kind, socketId, source, bytes, receivedAt });
    }
  }

  #talkOn(peer: NodeKey, data: PeerData): void {
    if (this.#stopped || data.talkEveryMs === undefined) return;
    const now = this.#options.now();
    if (data.activeAt === undefined || now - data.activeAt >= reportMs) {
      data.activeAt = now;
      this.#options.up({ type: 'peer-active', peer, at: now });
    }
    this.#send(peer, data, false);
    this.#options.heap.plan(after(now, data.talkEveryMs), () => this.#talkOn(peer, data));
  }

  #send(peer: NodeKey, data: PeerData, keepalive: boolean): void {
    data.sentAt = this.#options.now();
    const bytes = new Uint8Array(packetBytes);
    const view = viewOf(bytes);
    bytes[0] = 4;
    view.setUint32(numberAt, data.sent++);
    view.setUint32(senderAt, this.#options.number);
    view.setUint32(lifeAt, this.#options.life);
    bytes[keepaliveAt] = keepalive ? 1 : 0;
    const relayed: RelayPacket[] = [];
    for (const path of data.paths) {
      if (path.kind === 'direct') this.#options.sendUdp(path.socketId, path.remote, bytes);
      else relayed.push({ peer, regionId: path.regionId, bytes: bytes.slice() });
    }
    if (relayed.length > 0) this.#options.up({ type: 'relay-send', packets: relayed });
  }

  /** A numbered packet arrived. */
  #arrived(bytes: Uint8Array, path: Path): void {
    const view = viewOf(bytes);
    const peer = this.#options.peerOf(view.getUint32(senderAt));
    const data = peer === undefined ? undefined : this.#peers.get(peer);
    if (peer === undefined || data === undefined) return;
    const now = this.#options.now();
    const name = path.kind === 'relay' ? formatPath(path) : 'direct';
    const { traffic } = data;
    traffic.copies.set(name, (traffic.copies.get(name) ?? 0) + 1);
    const number = view.getUint32(lifeAt) * 2 ** 32 + view.getUint32(numberAt);
    if (!data.seen.has(number)) {
      data.seen.add(number);
      traffic.received++;
      const gapMs = traffic.latestAt === undefined ? 0 : now - traffic.latestAt;
      traffic.longestGapMs = Math.max(traffic.longestGapMs, gapMs);
      traffic.latestAt = now;
    }
    this.#authenticated(peer, data, path, now);
    if (bytes[keepaliveAt] === 0) this.#planKeepalive(peer, data, now);
  }

  #authenticated(peer: NodeKey, data: PeerData, path: Path, now: Instant): void {
    const key = formatPath(path);
    const before = data.authenticatedAt.get(key);
    if (before !== undefined && now - before < reportMs) return;
    data.authenticatedAt.set(key, now);
    this.#options.up({ type: 'authenticated', peer, path, at: now });
  }

  #planKeepalive(peer: NodeKey, data: PeerData, receivedAt: Instant): void {
    if (data.talkEveryMs !== undefined) return;
    this.#options.heap.plan(after(receivedAt, keepaliveMs), () => {
      const answered = data.sentAt !== undefined && data.sentAt > receivedAt;
      if (!this.#stopped && !answered) this.#send(peer, data, true);
    });
  }

  #data(peer: NodeKey): PeerData {
    let data = this.#peers.get(peer);
    if (data === undefined) {
      data = {
        paths: [],
        sent: 0,
        sentAt: undefined,
        activeAt: undefined,
        talkEveryMs: undefined,
        seen: new Set(),
        traffic: { received: 0, copies: new Map(), latestAt: undefined, longestGapMs: 0 },
        authenticatedAt: new Map(),
      };
      this.#peers.set(peer, data);
    }
    return data;
  }
}
