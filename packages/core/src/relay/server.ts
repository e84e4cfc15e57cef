/**
 * The relay: many connections, packets forwarded by node key, for at most one home per node and no routing beyond.
 *
 *     accept -> ServerKey; ClientInfo (10 s) -> ServerInfo -> open
 *     open:  SendPacket -> the target's active connection as RecvPacket, else PeerGone(not-here) for disco
 *            Ping -> Pong; NotePreferred; KeepAlive every 60 s and a bit; Warren's own frames (own-frames.ts)
 *            mesh frames without mesh rights, bad lengths, a second ClientInfo -> close
 *     last connection of a key ends -> PeerGone(disconnected) to everybody who received from it
 *
 * One write per connection is under way at a time; everything else waits in its SendQueue, where control goes before
 * disco and disco before data. Connections that close are removed at once; input for them is ignored.
 *
 * Source: the server's side of DERP, protocol version 2.
 */
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import { after, type Instant } from '../base/instant.js';
import { randomFraction } from '../base/random.js';
import { type NodeKey, publicKeyBytes, publicKeyOf, type RelayKey } from '../keys/keys.js';
import type { Machine } from '../ports.js';
import { ByteBucket } from './byte-bucket.js';
import { Connection } from './connection.js';
import { DeadlineHeap } from './deadline-heap.js';
import { decodeClientFrame } from './decode-frames.js';
import { encodeHealth, encodePing, encodeRestarting, encodeServerKey } from './encode-frames.js';
import type { MemoryBudget } from './fair-queue.js';
import { Forwarder } from './forwarder.js';
import { type ClientFrame, PING_BYTES, PROTOCOL_VERSION, type RawFrame } from './frames.js';
import { HandshakeGate } from './handshake-gate.js';
import { openClientInfo, sealServerInfo } from './hello.js';
import type {
  RelayConnectionId,
  RelayConnectionSummary,
  RelayPairCounters,
  RelayServerInput,
  RelayServerOutput,
} from './io.js';
import { OwnFrames } from './own-frames.js';
import {
  DEFAULT_LIMITS,
  type RelayServerLimits,
  type RelayServerOptions,
} from './server-options.js';

/** Clients give up after 120 s without a frame. */
const KEEP_ALIVE_MS = 60_000;
/** Spreads the keep-alives of clients that came together. */
const KEEP_ALIVE_JITTER_MS = 5_000;
/** A restart takes a second; clients come back spread over three. */
const RECONNECT_MIN_MS = 500;
const RECONNECT_SPREAD_MS = 3_000;
/** How long clients should keep this region as their home before they look elsewhere. */
const RECONNECT_TRY_MS = 30_000;

const REFUSED_TEXT = 'this relay does not serve this node';

export class RelayServer implements Machine<RelayServerInput, RelayServerOutput> {
  readonly counters: Counters = new Counters();
  readonly publicKey: RelayKey;
  readonly #options: RelayServerOptions;
  readonly #limits: RelayServerLimits;
  readonly #greeting: Uint8Array;
  readonly #memory: MemoryBudget;
  readonly #connections = new Map<RelayConnectionId, Connection>();
  readonly #gate: HandshakeGate;
  readonly #forwarder: Forwarder;
  readonly #deadlines = new DeadlineHeap<Connection>();
  readonly #ownFrames: OwnFrames;
  /** Everything but writes. */
  readonly #outputs: RelayServerOutput[] = [];
  /** Connections that may have something to write. */
  readonly #ready = new Set<Connection>();
  #draining = false;
  #now: Instant | undefined;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#gate = new HandshakeGate(this.#limits.handshakesMax, this.#limits.handshakesPerSourceMax);
    this.#forwarder = new Forwarder(this.counters, this.#connections, (connection) =>
      this.#ready.add(connection),
    );
    this.#ownFrames = new OwnFrames(this.counters, options);
    this.#memory = { bytesMax: this.#limits.queuedBytesMax, usedBytes: 0 };
    this.publicKey = publicKeyOf(options.crypto, 'relay', options.privateKey);
    this.#greeting = encodeServerKey(this.publicKey);
  }

  handle(input: RelayServerInput, now: Instant): void {
    this.#now = now;
    switch (input.type) {
      case 'accept':
        this.#accept(input.connection, input.source, now);
        break;
      case 'bytes':
        this.#read(input.connection, input.bytes, now);
        break;
      case 'drained':
        this.#drained(input.connection);
        break;
      case 'closed': {
        const connection = this.#connections.get(input.connection);
        if (connection !== undefined) this.#forget(connection);
        break;
      }
      case 'dialled-back':
        this.#dialledBack(input);
        break;
      case 'drain':
        this.#drain(now);
        break;
      case 'timeout':
        this.#wake(now);
        break;
    }
  }

  poll(): RelayServerOutput | undefined {
    for (const connection of this.#ready) {
      this.#ready.delete(connection);
      const write = this.#startWrite(connection);
      if (write !== undefined) return write;
    }
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.#deadlines.earliest();
  }

  /** What crossed between each pair of keys since start. */
  pairCounters(): RelayPairCounters[] {
    return this.#forwarder.pairCounters();
  }

  /** Everybody who is connected, the oldest first. */
  connections(): RelayConnectionSummary[] {
    return [...this.#connections.values()].map((connection) => ({
      connection: connection.id,
      source: connection.source,
      key: connection.client?.key,
      acceptedAt: connection.acceptedAt,
      heardAt: connection.heardAt,
      active:
        connection.client !== undefined &&
        this.#forwarder.isActive(connection.client.key, connection),
      home: connection.isHome,
      appName: connection.client?.info.appName ?? '',
      queuedPackets: connection.queue.packets,
      sentPackets: connection.sentPackets,
      sentBytes: connection.sentBytes,
      receivedPackets: connection.receivedPackets,
      receivedBytes: connection.receivedBytes,
    }));
  }

  /** Asks `admit` again about everybody: who lost the right is told and closed. */
  recheckAdmission(now: Instant): void {
    this.#now = now;
    for (const connection of this.#connections.values()) {
      if (connection.client === undefined || connection.isClosing()) continue;
      if (this.#admits(connection, connection.client.key)) continue;
      connection.queue.addControl(encodeHealth(REFUSED_TEXT));
      this.#closeAfterFlush(connection, 'not-admitted', now);
    }
  }

  #accept(id: RelayConnectionId, source: string, now: Instant): void {
    const full = this.#draining || this.#connections.size >= this.#limits.connectionsMax;
    if (full || !this.#gate.enter(source)) {
      this.#refuseConnection(id);
      return;
    }
    const connection = new Connection(id, source, this.#memory, this.counters, now);
    this.#connections.set(id, connection);
    this.counters.add('accepted');
    connection.queue.addControl(this.#greeting);
    this.#ready.add(connection);
    this.#arm(connection);
  }

  #refuseConnection(id: RelayConnectionId): void {
    const reason = this.#draining ? 'restarting' : 'too-many-connections';
    this.counters.add(`refused-${reason}`);
    this.#outputs.push({ type: 'close', connection: id, reason });
  }

  #read(id: RelayConnectionId, bytes: Uint8Array, now: Instant): void {
    const connection = this.#connections.get(id);
    if (connection === undefined || connection.isClosing()) return;
    connection.heardAt = now;
    connection.pingedAt = undefined;
    const unknownBefore = connection.reader.unknownFrames;
    connection.reader.push(bytes);
    for (;;) {
      const frame = connection.reader.next();
      if (frame === undefined) break;
      if (isFailure(frame)) {
        this.#close(connection, frame.reason);
        break;
      }
      this.#takeFrame(connection, frame, now);
      if (connection.isClosing() || !this.#connections.has(id)) break;
    }
    const unknown = connection.reader.unknownFrames - unknownBefore;
    if (unknown > 0) this.counters.add('unknown-frame', unknown);
  }

  #takeFrame(connection: Connection, raw: RawFrame, now: Instant): void {
    const frame = decodeClientFrame(raw, (bytes, at) => connection.keys.read(bytes, at));
    if (frame === undefined) return;
    if (isFailure(frame)) {
      this.#close(connection, frame.reason);
      return;
    }
    const client = connection.client;
    if (client === undefined) {
      if (frame.type === 'client-info') this.#introduce(connection, frame, now);
      else this.#close(connection, 'first-frame-not-client-info');
      return;
    }
    // A pong answers us: it says that the client lives, not that it is the one in use.
    if (frame.type !== 'pong') this.#forwarder.touch(client.key, connection);
    switch (frame.type) {
      case 'send':
        this.#forwarder.forward(connection, client, frame.target, frame.packet, now);
        break;
      case 'ping':
        connection.queue.addPong(frame.data);
        this.#ready.add(connection);
        break;
      case 'pong':
        break;
      case 'dial-back':
      case 'address-check': {
        const output = this.#ownFrames.take(connection, frame, now);
        if (output === undefined) this.#ready.add(connection);
        else this.#outputs.push(output);
        break;
      }
      case 'note-preferred':
        connection.isHome = frame.home;
        break;
      case 'client-info':
        this.#close(connection, 'second-client-info');
        break;
      case 'forward':
      case 'watch-connections':
      case 'close-peer':
        this.#close(connection, 'no-mesh-rights');
        break;
    }
  }

  #introduce(
    connection: Connection,
    frame: ClientFrame & { readonly type: 'client-info' },
    now: Instant,
  ): void {
    const { crypto, random, privateKey, clientLimit } = this.#options;
    const hello = openClientInfo(crypto, privateKey, frame.key, frame.nonce, frame.box);
    if (isFailure(hello)) {
      this.#close(connection, hello.reason);
      return;
    }
    if (hello.info.version < PROTOCOL_VERSION) {
      this.#close(connection, 'version-too-old'); // it would take the source key for packet bytes
      return;
    }
    // Not a frame more: official clients that hear anything dial again at once, and back off after silence.
    if (!this.#admits(connection, frame.key)) {
      this.#close(connection, 'not-admitted');
      return;
    }
    this.#gate.leave(connection.source);
    connection.client = { key: frame.key, rawKey: publicKeyBytes(frame.key), info: hello.info };
    connection.keepAlivePeriodMs = KEEP_ALIVE_MS + randomFraction(random) * KEEP_ALIVE_JITTER_MS;
    connection.keepAliveAt = after(now, connection.keepAlivePeriodMs);
    if (clientLimit !== undefined) {
      const tolerant = { ...clientLimit, burstBytes: 2 * clientLimit.burstBytes };
      connection.rate = new ByteBucket(tolerant, now);
    }
    const dialsBack = this.#options.dialsBack === true;
    const info = { version: PROTOCOL_VERSION, tokenBucket: clientLimit, dialsBack };
    connection.queue.addControl(sealServerInfo(crypto, random, hello.shared, info));
    this.#ready.add(connection);
    this.#arm(connection);
    this.counters.add('introduced');
    const surplus = this.#forwarder.join(frame.key, connection);
    if (surplus !== undefined) this.#close(surplus, 'too-many-duplicates');
  }

  #admits(connection: Connection, key: NodeKey): boolean {
    return this.#options.admit?.(key, connection.source) !== false;
  }

  #startWrite(connection: Connection): RelayServerOutput | undefined {
    const now = this.#now;
    if (now === undefined || connection.writeStartedAt !== undefined) return undefined;
    if (!this.#connections.has(connection.id)) return undefined;
    const bytes = connection.queue.takeWrite(now);
    if (bytes === undefined) {
      if (connection.closing !== undefined) this.#close(connection, connection.closing.reason);
      return undefined;
    }
    connection.writeStartedAt = now;
    this.#arm(connection);
    return { type: 'write', connection: connection.id, bytes };
  }

  #drained(id: RelayConnectionId): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    connection.writeStartedAt = undefined;
    this.#ready.add(connection);
  }

  #dialledBack(input: RelayServerInput & { readonly type: 'dialled-back' }): void {
    const connection = this.#connections.get(input.connection);
    if (connection === undefined || connection.isClosing()) return;
    this.#ownFrames.dialledBack(connection, input);
    this.#ready.add(connection);
  }

  #drain(now: Instant): void {
    this.#draining = true;
    const { random } = this.#options;
    for (const connection of this.#connections.values()) {
      const reconnectInMs = RECONNECT_MIN_MS + randomFraction(random) * RECONNECT_SPREAD_MS;
      connection.queue.addControl(encodeRestarting(Math.floor(reconnectInMs), RECONNECT_TRY_MS));
      this.#closeAfterFlush(connection, 'restarting', now);
    }
  }

  #wake(now: Instant): void {
    for (;;) {
      const due = this.#deadlines.popDue(now);
      if (due === undefined) return;
      const connection = due.item;
      if (connection.armedFor !== due.at || !this.#connections.has(connection.id)) continue;
      connection.armedFor = undefined;
      const reason = connection.overdue(now);
      if (reason !== undefined) {
        this.#close(connection, reason);
        continue;
      }
      this.#keepAlive(connection, now);
      this.#pingIfSilent(connection, now);
      this.#arm(connection);
    }
  }

  #keepAlive(connection: Connection, now: Instant): void {
    if (connection.keepAliveAt === undefined || now < connection.keepAliveAt) return;
    connection.keepAliveAt = after(now, connection.keepAlivePeriodMs);
    connection.queue.addKeepAlive();
    this.#ready.add(connection);
  }

  #pingIfSilent(connection: Connection, now: Instant): void {
    const pingAt = connection.pingDeadline(this.#options.pingSilentAfterMs);
    if (connection.pingedAt !== undefined || pingAt === undefined || now < pingAt) return;
    connection.pingedAt = now;
    const data = this.#options.random.fill(new Uint8Array(PING_BYTES));
    connection.queue.addControl(encodePing(data));
    this.#ready.add(connection);
  }

  /** Makes sure that the heap wakes us in time. A later deadline is found when the earlier one fires. */
  #arm(connection: Connection): void {
    const deadline = connection.deadline(this.#options.pingSilentAfterMs);
    if (connection.armedFor !== undefined && connection.armedFor <= deadline) return;
    connection.armedFor = deadline;
    this.#deadlines.push(deadline, connection);
  }

  #closeAfterFlush(connection: Connection, reason: string, now: Instant): void {
    this.#forwarder.leave(connection);
    connection.startClosing(reason, now);
    this.#ready.add(connection);
    this.#arm(connection);
  }

  #close(connection: Connection, reason: string): void {
    this.counters.add(`closed-${reason}`);
    this.#outputs.push({ type: 'close', connection: connection.id, reason });
    this.#forget(connection);
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection.id);
    this.#ready.delete(connection);
    if (connection.client === undefined) this.#gate.leave(connection.source);
    this.#forwarder.leave(connection);
    connection.queue.clearPackets();
  }
}
