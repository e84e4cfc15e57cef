/**
 * Who gets which packet, and who hears of whose departure: the part of the server that knows keys.
 *
 * Unknown targets: the packet is dropped. If it looks like disco, and only then, the sender is told, three times at
 * once and then once a second; WireGuard would not understand the answer.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';
import type { Client, Connection } from './connection.js';
import { looksLikeDisco } from './disco-packet.js';
import { encodeHealth, encodePeerGone, encodeRecvPacket } from './encode-frames.js';
import { HEADER_BYTES, KEY_BYTES } from './frames.js';
import type { RelayConnectionId, RelayPairCounters } from './io.js';
import { PairTable } from './pair-table.js';
import { type DuplicateNews, Registry } from './registry.js';

/** Official clients show this text to their person. */
const DUPLICATE_TEXT = 'duplicate connection';

export class Forwarder {
  readonly #counters: Counters;
  readonly #connections: ReadonlyMap<RelayConnectionId, Connection>;
  /** Something waits for this connection now. */
  readonly #markReady: (connection: Connection) => void;
  readonly #registry: Registry;
  readonly #pairs: PairTable;

  constructor(
    counters: Counters,
    connections: ReadonlyMap<RelayConnectionId, Connection>,
    markReady: (connection: Connection) => void,
  ) {
    this.#counters = counters;
    this.#connections = connections;
    this.#markReady = markReady;
    this.#registry = new Registry(counters);
    this.#pairs = new PairTable(counters);
  }

  pairCounters(): RelayPairCounters[] {
    return this.#pairs.list();
  }

  isActive(key: NodeKey, connection: Connection): boolean {
    return this.#registry.active(key) === connection;
  }

  /** A connection has proved its key. Returns one of the same key that has to go, if there are too many. */
  join(key: NodeKey, connection: Connection): Connection | undefined {
    return this.#registry.add(key, connection);
  }

  /** `connection` sent something. */
  touch(key: NodeKey, connection: Connection): void {
    this.#tell(this.#registry.touch(key, connection));
  }

  /** Hands `packet` (borrowed, copied here) to the active connection of `target`. */
  forward(
    sender: Connection,
    client: Client,
    target: NodeKey,
    packet: Uint8Array,
    now: Instant,
  ): void {
    sender.sentPackets += 1;
    sender.sentBytes += packet.length;
    if (sender.rate?.take(HEADER_BYTES + KEY_BYTES + packet.length, now) === false) {
      this.#counters.add('drop-rate');
      return;
    }
    const isDisco = looksLikeDisco(packet);
    const receiver = this.#registry.active(target);
    if (receiver === undefined) {
      this.#refuseTarget(sender, target, isDisco, now);
      return;
    }
    this.#counters.add(isDisco ? 'disco-packets' : 'data-packets');
    this.#pairs.count(client.key, target, isDisco, packet.length);
    this.#registry.watch(client.key, receiver);
    receiver.receivedPackets += 1;
    receiver.receivedBytes += packet.length;
    const frame = encodeRecvPacket(client.rawKey, packet);
    receiver.queue.addPacket(client.key, isDisco, frame, now);
    this.#markReady(receiver);
  }

  /** Nothing is forwarded to this connection any more. Harmless when it never joined or has left already. */
  leave(connection: Connection): void {
    this.#registry.forgetWatcher(connection);
    if (connection.client === undefined) return;
    const { key } = connection.client;
    const { last, news } = this.#registry.remove(key, connection);
    this.#tell(news);
    if (!last) return;
    for (const id of this.#registry.takeWatchers(key)) {
      const watcher = this.#connections.get(id);
      if (watcher === undefined) continue;
      watcher.heardFrom.delete(key);
      watcher.queue.addControl(encodePeerGone(key, 'disconnected'));
      this.#markReady(watcher);
    }
  }

  #refuseTarget(sender: Connection, target: NodeKey, isDisco: boolean, now: Instant): void {
    this.#counters.add('drop-unknown-target');
    if (!isDisco || !sender.notHere.take(now)) return;
    sender.queue.addControl(encodePeerGone(target, 'not-here'));
    this.#markReady(sender);
  }

  #tell(news: DuplicateNews | undefined): void {
    if (news === undefined) return;
    for (const connection of news.tell) {
      connection.queue.addControl(encodeHealth(news.problem ? DUPLICATE_TEXT : ''));
      this.#markReady(connection);
    }
  }
}
