/**
 * ts2021 on somebody's HTTP server: the key, the upgrade, Noise, and HTTP/2 inside.
 *
 *     GET  /key?v=N                          {"legacyPublicKey":"mkey:00...","publicKey":"mkey:..."}
 *     POST /ts2021, Upgrade: tailscale-control-protocol, X-Tailscale-Handshake: <message 1>
 *       -> 101, message 2, early payload, then HTTP/2 with prior knowledge in both directions
 *
 * Anybody can make a machine key, so a connection is a guest until control knew one of its nodes, and guests
 * are few by source:
 *
 *     101 --a valid record within 10 s--> guest --a node of its own within 60 s--> member
 *
 * (Before its first record it isn't even a guest: message 1 can be replayed by whoever saw it.)
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Counters } from '@warren/core/base/counters';
import { isFailure } from '@warren/core/base/failure';
import { decodeBase64 } from '@warren/core/base/text';
import { CAP_VERSION_MIN } from '@warren/core/control/cap-version';
import {
  formatPublicKey,
  generatePrivateKey,
  type MachineKey,
  type MachinePrivateKey,
  publicKeyOf,
  zeroKey,
} from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import { encodeEarlyPayload } from '@warren/core/ts2021/early-payload';
import { encodeErrorFrame } from '@warren/core/ts2021/frames';
import { type AcceptedHandshake, consumeInitiation } from '@warren/core/ts2021/responder';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { RecordDuplex } from '@warren/shell/ts2021/record-duplex';
import { hangUp } from '../hang-up.js';
import { pathOf } from '../relay/http-endpoints.js';
import { ConnectionDeadlines, type DeadlineTimes, provingStream } from './connection-deadlines.js';
import type { MachineConnection } from './machine-api.js';
import { SourceLimits } from './source-limits.js';
import { SourceRates } from './source-rates.js';

const PROTOCOL = 'tailscale-control-protocol';
/** One machine has one connection, and old ones that its network lost; more are of no use. */
const CONNECTIONS_PER_MACHINE_MAX = 8;
/** HTTP/2 pings find clients that vanished without a word, whose sockets would stay open for a quarter of an hour. */
const PING_MS = 45_000;
/** Streams of one client: a poll or two, and requests. */
const STREAMS_MAX = 64;
/** A full map of thousands of peers must not wait for window updates of 64 KiB. */
const WINDOW_BYTES = 1024 * 1024;
/** Asked before each registration, so as often as handshakes may begin, and some more. */
const KEY_BURST = 400;
const KEYS_PER_SECOND = 40;
/** Megabytes that Node keeps per session before it refuses streams; a map waits there while it is sent. */
const SESSION_MEMORY_MB = 32;

export interface Ts2021ListenerOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly privateKey: MachinePrivateKey;
  /** Shorter times, for tests. */
  readonly times?: Partial<DeadlineTimes> | undefined;
  /** One request inside a connection. */
  readonly onRequest: (
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ) => void;
}

interface Connection {
  readonly session: ServerHttp2Session;
  readonly machineKey: MachineKey;
  isAnswering: boolean;
}

export class Ts2021Listener {
  readonly publicKey: MachineKey;
  readonly counters = new Counters();
  readonly #options: Ts2021ListenerOptions;
  readonly #limits = new SourceLimits();
  readonly #keyRates = new SourceRates(KEY_BURST, KEYS_PER_SECOND);
  readonly #connections = new Set<Connection>();
  /** The same by machine, the oldest first. */
  readonly #ofMachine = new Map<MachineKey, Set<Connection>>();
  readonly #pings: NodeJS.Timeout;
  #accepted = 0;

  constructor(options: Ts2021ListenerOptions) {
    this.#options = options;
    this.publicKey = publicKeyOf(options.crypto, 'machine', options.privateKey);
    this.#pings = setInterval(() => this.#pingAll(), PING_MS);
    this.#pings.unref();
  }

  /** Connections now open. */
  get size(): number {
    return this.#connections.size;
  }

  /** False: not a request for control; nothing was written. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    // Not `new URL`, which throws for what anybody may ask for, such as `//`.
    const path = pathOf(request);
    if (path === '/key') {
      this.#answerKey(request, response);
      return true;
    }
    if (path !== '/ts2021') return false;
    this.counters.add('ts2021-without-upgrade');
    this.#options.log.warn('an upgrade came without its header: a proxy in between drops it', {
      source: request.socket.remoteAddress,
    });
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end(`missing "Upgrade: ${PROTOCOL}": is a proxy in between that drops it?\n`);
    return true;
  }

  /** False: not an upgrade for control; the socket is untouched. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean {
    if ((request.url ?? '/').split('?', 1)[0] !== '/ts2021') return false;
    socket.on('error', () => socket.destroy());
    const { clock } = this.#options;
    const source = request.socket.remoteAddress ?? 'unknown';
    const release = this.#limits.admit(source, clock.now());
    if (release === undefined) {
      this.#refuse(socket, 'ts2021-source-limit', '429 Too Many Requests', 'try again later');
      return true;
    }
    const accepted = this.#accept(request, socket);
    if (accepted === undefined) release();
    else this.#begin(accepted, socket, head, source, release);
    return true;
  }

  close(): void {
    clearInterval(this.#pings);
    for (const { session } of this.#connections) session.destroy();
  }

  #answerKey(request: IncomingMessage, response: ServerResponse): void {
    const source = request.socket.remoteAddress ?? 'unknown';
    if (!this.#keyRates.take(source, this.#options.clock.now())) {
      this.counters.add('key-source-limit');
      response.writeHead(429, {
        'content-type': 'text/plain',
        'retry-after': String(this.#keyRates.retryAfterSeconds),
      });
      response.end('too many requests\n');
      return;
    }
    const query = (request.url ?? '').split('?', 2)[1];
    const version = new URLSearchParams(query).get('v');
    if (version === null || !/^\d{1,5}$/.test(version)) {
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end('this client is too old: upgrade it\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        legacyPublicKey: formatPublicKey('machine', zeroKey('machine')),
        publicKey: formatPublicKey('machine', this.publicKey),
      }),
    );
  }

  /** Checks the request and answers message 1; undefined: refused, and the socket is closing. */
  #accept(request: IncomingMessage, socket: Duplex): AcceptedHandshake | undefined {
    const { crypto, random, privateKey } = this.#options;
    const header = request.headers['x-tailscale-handshake'];
    const bytes = typeof header === 'string' ? decodeBase64(header) : undefined;
    if (request.headers.upgrade?.toLowerCase() !== PROTOCOL || bytes === undefined) {
      this.#refuse(socket, 'ts2021-bad-request', '400 Bad Request', `upgrade to ${PROTOCOL} only`);
      return undefined;
    }
    const accepted = consumeInitiation({
      crypto,
      random,
      serverPrivateKey: privateKey,
      bytes,
      minimumVersion: CAP_VERSION_MIN,
    });
    if (!isFailure(accepted)) return accepted;
    this.counters.add(`ts2021-${accepted.reason}`);
    const text =
      accepted.reason === 'version-too-old'
        ? `this client is too old: needed is version ${CAP_VERSION_MIN}; upgrade it`
        : 'the handshake failed';
    socket.write(switchingProtocols());
    hangUp(socket, encodeErrorFrame(text));
    return undefined;
  }

  #begin(
    accepted: AcceptedHandshake,
    socket: Duplex,
    head: Uint8Array,
    source: string,
    release: () => void,
  ): void {
    const { crypto, random, log } = this.#options;
    if (socket instanceof Socket) {
      socket.setTimeout(0);
      socket.setNoDelay(true);
    }
    const challenge = publicKeyOf(crypto, 'challenge', generatePrivateKey('challenge', random));
    const { stream } = accepted;
    // One write: message 2 and the early payload must precede every byte of HTTP/2.
    socket.write(
      Buffer.concat([
        Buffer.from(switchingProtocols()),
        accepted.response,
        stream.seal(encodeEarlyPayload(challenge)),
      ]),
    );
    const first = stream.open(head);
    if (isFailure(first)) {
      this.counters.add(`ts2021-${first.reason}`);
      socket.destroy();
      release();
      return;
    }
    const deadlines = new ConnectionDeadlines((reason) => {
      this.counters.add(reason);
      socket.destroy();
    }, this.#options.times);
    if (first.length > 0) deadlines.proven();
    socket.once('close', () => {
      deadlines.clear();
      release();
    });
    const duplex = new RecordDuplex(socket, provingStream(stream, deadlines), first);
    duplex.on('error', (error: Error) => {
      log.debug('control connection broke', { source, reason: error.message });
    });
    this.#serve(duplex, {
      number: ++this.#accepted,
      machineKey: accepted.clientKey,
      source,
      admitted: () => {
        deadlines.clear();
        release();
      },
      waiting: () => deadlines.wait(),
    });
  }

  #serve(duplex: Duplex, client: MachineConnection): void {
    this.#dropOldest(client.machineKey);
    const session = performServerHandshake(duplex, {
      settings: { maxConcurrentStreams: STREAMS_MAX, initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: SESSION_MEMORY_MB,
    });
    const connection = { session, machineKey: client.machineKey, isAnswering: true };
    this.#add(connection);
    session.on('error', (error: Error) => {
      const { source } = client;
      this.#options.log.debug('control session broke', { source, reason: error.message });
    });
    session.on('close', () => this.#remove(connection));
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#options.onRequest(client, stream, headers),
    );
  }

  /** Makes room for one more connection of a machine. */
  #dropOldest(machineKey: MachineKey): void {
    const own = this.#ofMachine.get(machineKey);
    if (own === undefined || own.size < CONNECTIONS_PER_MACHINE_MAX) return;
    this.counters.add('ts2021-connections-over-limit');
    const [oldest] = own;
    oldest?.session.destroy();
  }

  #add(connection: Connection): void {
    this.#connections.add(connection);
    const own = this.#ofMachine.get(connection.machineKey);
    if (own === undefined) this.#ofMachine.set(connection.machineKey, new Set([connection]));
    else own.add(connection);
  }

  #remove(connection: Connection): void {
    this.#connections.delete(connection);
    const own = this.#ofMachine.get(connection.machineKey);
    own?.delete(connection);
    if (own?.size === 0) this.#ofMachine.delete(connection.machineKey);
  }

  /** Ends connections that left the last ping unanswered, pings the others. */
  #pingAll(): void {
    for (const connection of this.#connections) {
      if (!connection.isAnswering) {
        this.counters.add('ts2021-silent');
        connection.session.destroy();
        continue;
      }
      connection.isAnswering = false;
      connection.session.ping((error) => {
        connection.isAnswering = error === null;
      });
    }
  }

  #refuse(socket: Duplex, counter: string, status: string, text: string): void {
    this.counters.add(counter);
    hangUp(
      socket,
      `HTTP/1.1 ${status}\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: text/plain\r\n` +
        `Content-Length: ${text.length + 1}\r\n\r\n${text}\n`,
    );
  }
}

function switchingProtocols(): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${PROTOCOL}\r\nConnection: upgrade\r\n\r\n`;
}
