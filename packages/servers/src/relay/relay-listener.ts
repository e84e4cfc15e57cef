/**
 * A relay on somebody's HTTP server: `warren relay` gives it one of its own, `warren hub` shares its with control.
 *
 *     request -> handleRequest -> answered, or false
 *     upgrade -> handleUpgrade -> 101, then the socket belongs to the RelayServer machine, or false
 *
 * Each connection has at most one write under way; its callback is the machine's `drained`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Endpoint, parseAddress } from '@warren/core/ip/address';
import type { NodeKey, RelayKey, RelayPrivateKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import type { TokenBucketLimit } from '@warren/core/relay/hello';
import type {
  RelayConnectionId,
  RelayPairCounters,
  RelayServerInput,
  RelayServerOutput,
} from '@warren/core/relay/io';
import { RelayServer } from '@warren/core/relay/server';
import type { RelayServerLimits } from '@warren/core/relay/server-options';
import type { AddressTokens } from '@warren/core/stun/address-tokens';
import { encodeBindingIndication } from '@warren/core/stun/indication';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';
import { hangUp } from '../hang-up.js';
import {
  answerRelayRequest,
  pathOf,
  refusedUpgrade,
  switchingProtocols,
} from './http-endpoints.js';
import { loadRelayKey } from './relay-key.js';

interface RelayBaseOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who may use this relay; undefined: everybody. Ask again with {@link Relay.recheckAdmission}. */
  readonly admit?: ((key: NodeKey, source: string) => boolean) | undefined;
  /** Announced to and held against each client; undefined: none. */
  readonly clientLimit?: TokenBucketLimit | undefined;
  readonly pingSilentAfterMs?: number | undefined;
  readonly limits?: Partial<RelayServerLimits>;
  /** Sends a datagram for a client that asks whether it is reached; true when it left. Undefined: not offered. */
  readonly sendDatagram?: SendDatagram | undefined;
  /** Those that the STUN server beside it gives; undefined: none. */
  readonly addressTokens?: AddressTokens | undefined;
}

/** `fromAlternate`: from the alternate STUN port, if there is one. */
export type SendDatagram = (
  target: Endpoint,
  bytes: Uint8Array,
  fromAlternate: boolean,
) => Promise<boolean>;

/** The key itself, or the file that holds it (made when it is missing). */
export type RelayOptions = RelayBaseOptions &
  ({ readonly privateKey: RelayPrivateKey } | { readonly keyFile: string });

/** One client, for operators. */
export interface RelayConnectionStats {
  readonly key: NodeKey | null;
  readonly source: string;
  readonly active: boolean;
  readonly home: boolean;
  readonly appName: string;
  readonly connectedMs: number;
  readonly silentMs: number;
  readonly queuedPackets: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
}

export interface RelayStats {
  readonly publicKey: RelayKey;
  readonly connections: readonly RelayConnectionStats[];
  readonly counters: Readonly<Record<string, number>>;
  /** Frames that crossed between each pair of keys since start, disco apart from data. */
  readonly pairs: readonly RelayPairCounters[];
}

export interface Relay {
  readonly publicKey: RelayKey;
  /** False: not a request for the relay; nothing was written. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
  /** False: not an upgrade for the relay; the socket is untouched. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean;
  stats(): RelayStats;
  /** Who lost the right to be here is told and closed. */
  recheckAdmission(): void;
  /** Tells every client when to come back and closes; resolves when all sockets are gone (at most 3 s). */
  close(): Promise<void>;
}

/** First keep-alive probe of the operating system; the machine's own keep-alive comes every 60 s too. */
const TCP_KEEP_ALIVE_MS = 60_000;
/** A closed connection may still deliver what was written; then it is cut. */
const LINGER_MS = 1_000;
/** The machine gives last frames 2 s; then nobody waits any longer. */
const CLOSE_MS = 3_000;

/** A relay without a listener of its own. */
export function createRelay(options: RelayOptions): Relay {
  return new RelayListener(options);
}

class RelayListener implements Relay {
  readonly publicKey: RelayKey;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #server: RelayServer;
  readonly #sendDatagram: SendDatagram | undefined;
  readonly #timer: MachineTimer;
  readonly #sockets = new Map<RelayConnectionId, Socket>();
  #nextId: RelayConnectionId = 1;
  #polling = false;
  #allGone: (() => void) | undefined;

  constructor(options: RelayOptions) {
    const { clock, log, random } = options;
    const privateKey =
      'privateKey' in options ? options.privateKey : loadRelayKey(options.keyFile, random);
    this.#clock = clock;
    this.#log = log.child({ part: 'relay' });
    this.#sendDatagram = options.sendDatagram;
    const dialsBack = options.sendDatagram !== undefined;
    this.#server = new RelayServer({ ...options, privateKey, dialsBack });
    this.publicKey = this.#server.publicKey;
    this.#timer = new MachineTimer(this.#server, clock, () => this.#handle({ type: 'timeout' }));
  }

  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    return answerRelayRequest(request, response);
  }

  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Uint8Array): boolean {
    if (pathOf(request) !== '/derp' || !(stream instanceof Socket)) return false;
    const refused = refusedUpgrade(request);
    if (refused !== undefined) {
      hangUp(stream, refused);
      return true;
    }
    if (stream.destroyed) return true; // it left while its request was parsed
    this.#adopt(stream, switchingProtocols(request, this.publicKey), head);
    return true;
  }

  stats(): RelayStats {
    const now = this.#clock.now();
    return {
      publicKey: this.publicKey,
      connections: this.#server
        .connections()
        .map(({ connection: _, acceptedAt, heardAt, key, ...rest }) => ({
          key: key ?? null,
          ...rest,
          connectedMs: Math.round(now - acceptedAt),
          silentMs: Math.round(now - heardAt),
        })),
      counters: this.#server.counters.snapshot(),
      pairs: this.#server.pairCounters(),
    };
  }

  recheckAdmission(): void {
    this.#server.recheckAdmission(this.#clock.now());
    this.#poll();
  }

  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    this.#handle({ type: 'drain' });
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets.values()) socket.destroy();
    }, CLOSE_MS);
    this.#resolveWhenGone();
    await gone;
    clearTimeout(deadline);
    this.#timer.close();
  }

  #adopt(socket: Socket, head101: string, firstBytes: Uint8Array): void {
    const connection = this.#nextId++;
    this.#sockets.set(connection, socket);
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    socket.on('data', (bytes: Buffer) => this.#handle({ type: 'bytes', connection, bytes }));
    // HTTP sockets stay half open by default; a client that has said everything is gone.
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => {
      this.#log.debug('connection broke', { connection, error: error.message });
      socket.destroy();
    });
    socket.on('close', () => {
      this.#sockets.delete(connection);
      this.#handle({ type: 'closed', connection });
      this.#resolveWhenGone();
    });
    const source = parseAddress(socket.remoteAddress ?? '') ?? 'unknown';
    socket.cork(); // the upgrade's answer and the greeting share a segment
    if (head101 !== '') socket.write(head101);
    this.#handle({ type: 'accept', connection, source });
    if (firstBytes.length > 0) this.#handle({ type: 'bytes', connection, bytes: firstBytes });
    socket.uncork();
  }

  #handle(input: RelayServerInput): void {
    this.#server.handle(input, this.#clock.now());
    this.#poll();
  }

  /** Not reentrant: a socket that closes while we poll calls back in. */
  #poll(): void {
    if (this.#polling) return;
    this.#polling = true;
    for (let output = this.#server.poll(); output !== undefined; output = this.#server.poll()) {
      this.#perform(output);
    }
    this.#polling = false;
    this.#timer.rearm();
  }

  #perform(output: RelayServerOutput): void {
    const { connection } = output;
    if (output.type === 'dial-back') {
      void this.#dialBack(output);
      return;
    }
    const socket = this.#sockets.get(connection);
    if (socket === undefined) return;
    if (output.type === 'close') {
      this.#hangUp(connection, socket, output.reason);
      return;
    }
    socket.write(output.bytes, (error) => {
      // After an error `close` follows, which tells the machine more than we could.
      if (error === undefined || error === null) this.#handle({ type: 'drained', connection });
    });
  }

  async #dialBack(output: RelayServerOutput & { readonly type: 'dial-back' }): Promise<void> {
    const { connection, token, target, fromAlternate } = output;
    const bytes = encodeBindingIndication(token);
    const sent = (await this.#sendDatagram?.(target, bytes, fromAlternate)) === true;
    this.#handle({ type: 'dialled-back', connection, token, target, sent });
  }

  #hangUp(connection: RelayConnectionId, socket: Socket, reason: string): void {
    this.#log.debug('connection closed', { connection, source: socket.remoteAddress, reason });
    if (reason === 'slow-reader') {
      socket.destroy();
      return;
    }
    socket.end();
    const cut = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(cut));
  }

  #resolveWhenGone(): void {
    if (this.#sockets.size === 0) this.#allGone?.();
  }
}
