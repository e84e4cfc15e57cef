/**
 * A relay server and its clients joined without sockets, on a clock that only tests move. Deterministic: one seed,
 * one order.
 */
import { assert } from '../base/assert.js';
import { after, earliest, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import type { Endpoint } from '../ip/address.js';
import {
  generatePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '../keys/keys.js';
import { RelayClient, type RelayClientOptions } from './client.js';
import type {
  RelayClientInput,
  RelayClientOutput,
  RelayConnectionId,
  RelayServerOutput,
} from './io.js';
import { RelayServer } from './server.js';
import type { RelayServerOptions } from './server-options.js';
import { serverPrivateKey } from './vectors.js';

/** One connection with its client's end. */
export interface WiredClient {
  readonly id: RelayConnectionId;
  readonly key: NodeKey;
  readonly client: RelayClient;
  /** Everything the client said, writes apart. */
  readonly heard: RelayClientOutput[];
  /** True: the client reads nothing, so the server's write stays under way. */
  stalled: boolean;
  /** Why the server closed the connection. */
  closedByServer: string | undefined;
}

export class InMemoryWire {
  readonly random: SeededRandom;
  readonly server: RelayServer;
  now: Instant = instant(1000);
  /** The server's host can send datagrams; those that it sent. */
  canDialBack = true;
  readonly dialledBack: {
    readonly token: Uint8Array;
    readonly target: Endpoint;
    readonly fromAlternate?: true;
  }[] = [];
  readonly #ends = new Map<RelayConnectionId, WiredClient>();
  /** Bytes that stalled clients have not read. */
  readonly #unread = new Map<RelayConnectionId, Uint8Array>();
  #nextId = 1;

  constructor(seed: number, options: Partial<RelayServerOptions> = {}) {
    this.random = new SeededRandom(seed);
    this.server = new RelayServer({
      crypto: nobleCrypto,
      random: this.random.fork(),
      privateKey: serverPrivateKey,
      ...options,
    });
  }

  /** Opens a raw connection; poll the server to see what it writes. */
  accept(source = '192.0.2.1'): RelayConnectionId {
    const id = this.#nextId++;
    this.server.handle({ type: 'accept', connection: id, source }, this.now);
    return id;
  }

  /** Connects a client and lets the handshake happen. */
  connect(
    privateKey: NodePrivateKey = generatePrivateKey('node', this.random),
    options: Partial<RelayClientOptions> = {},
    source?: string,
  ): WiredClient {
    const client = new RelayClient(
      { crypto: nobleCrypto, random: this.random.fork(), privateKey, ...options },
      this.now,
    );
    const id = this.accept(source);
    const end: WiredClient = {
      id,
      key: publicKeyOf(nobleCrypto, 'node', privateKey),
      client,
      heard: [],
      stalled: false,
      closedByServer: undefined,
    };
    this.#ends.set(id, end);
    this.settle();
    return end;
  }

  /** Gives a client one input and lets everything follow. */
  tell(end: WiredClient, input: RelayClientInput): void {
    end.client.handle(input, this.now);
    this.settle();
  }

  send(from: WiredClient, to: NodeKey, packet: Uint8Array): void {
    this.tell(from, { type: 'send', peer: to, packet });
  }

  /** The socket of a client breaks: no word from it, the server hears `closed`. */
  breakOff(end: WiredClient): void {
    this.#ends.delete(end.id);
    this.server.handle({ type: 'closed', connection: end.id }, this.now);
    this.settle();
  }

  /** A stalled client reads one write and stalls again. */
  readOnce(end: WiredClient): void {
    const bytes = this.#unread.get(end.id);
    this.#unread.delete(end.id);
    if (bytes !== undefined) this.#deliver(end, bytes);
    this.settle();
  }

  /** A stalled client reads again. */
  resume(end: WiredClient): void {
    end.stalled = false;
    this.readOnce(end);
  }

  /** Packets that `end` received so far, taken away. */
  takePackets(end: WiredClient): { readonly source: NodeKey; readonly packet: Uint8Array }[] {
    const packets = end.heard.filter((output) => output.type === 'packet');
    const rest = end.heard.filter((output) => output.type !== 'packet');
    end.heard.splice(0, end.heard.length, ...rest);
    return packets;
  }

  /** Moves the clock, waking every machine at its own time. */
  advance(ms: number): void {
    const until = after(this.now, ms);
    for (let turns = 0; ; turns++) {
      assert(turns < 100_000, 'a machine asks for the same instant for ever');
      const machines = [this.server, ...[...this.#ends.values()].map((end) => end.client)];
      const next = earliest(...machines.map((machine) => machine.nextTimeout()));
      if (next === undefined || next > until) break;
      if (next > this.now) this.now = next;
      for (const machine of machines) {
        const due = machine.nextTimeout();
        if (due !== undefined && due <= this.now) machine.handle({ type: 'timeout' }, this.now);
      }
      this.settle();
    }
    this.now = until;
  }

  /** Passes bytes to and fro until nobody has anything to say. */
  settle(): void {
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (let output = this.server.poll(); output !== undefined; output = this.server.poll()) {
        quiet = false;
        if (output.type === 'dial-back') {
          this.#dialBack(output);
          continue;
        }
        const end = this.#ends.get(output.connection);
        if (end === undefined) {
          // A raw connection reads everything.
          this.server.handle({ type: 'drained', connection: output.connection }, this.now);
        } else if (output.type === 'close') {
          end.closedByServer = output.reason;
          this.#drainClient(end);
          this.#ends.delete(end.id);
        } else if (end.stalled) this.#unread.set(end.id, output.bytes);
        else this.#deliver(end, output.bytes);
      }
      for (const end of [...this.#ends.values()]) if (this.#drainClient(end)) quiet = false;
    }
  }

  /** The shell's part of a dial-back: sent is what {@link canDialBack} says. */
  #dialBack(output: RelayServerOutput & { readonly type: 'dial-back' }): void {
    const { connection, token, target, fromAlternate } = output;
    this.dialledBack.push({
      token,
      target,
      ...(fromAlternate ? { fromAlternate: true as const } : {}),
    });
    const sent = this.canDialBack;
    this.server.handle({ type: 'dialled-back', connection, token, target, sent }, this.now);
  }

  #deliver(end: WiredClient, bytes: Uint8Array): void {
    end.client.handle({ type: 'bytes', bytes }, this.now);
    this.server.handle({ type: 'drained', connection: end.id }, this.now);
  }

  #drainClient(end: WiredClient): boolean {
    let any = false;
    for (let output = end.client.poll(); output !== undefined; output = end.client.poll()) {
      any = true;
      if (output.type === 'write') {
        const { bytes } = output;
        this.server.handle({ type: 'bytes', connection: end.id, bytes }, this.now);
        continue;
      }
      end.heard.push(output);
      if (output.type !== 'close') continue;
      this.#ends.delete(end.id);
      this.server.handle({ type: 'closed', connection: end.id }, this.now);
    }
    return any;
  }
}
