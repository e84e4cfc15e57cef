/**
 * `warren relay`: TLS with a self-signed certificate, the relay, STUN and the stats socket, all from one state
 * directory:
 *
 *     lock              held while it runs
 *     tls.pem           certificate and key, pinned by clients through the DERP map
 *     relay.key         the relay's identity inside DERP
 *     derp-region.json  what to put into the control server's map; rewritten at every start
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import * as path from 'node:path';
import type { NodeKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import type { TokenBucketLimit } from '@warren/core/relay/hello';
import type { Clock } from '@warren/shell/clock';
import { writeFileAtomic } from '@warren/shell/files/atomic-file';
import { type DirectoryLock, lockDirectory } from '@warren/shell/files/directory-lock';
import type { Logger } from '@warren/shell/log';
import { loadOrMakeSelfSigned, type TlsIdentity } from '@warren/shell/tls/self-signed';
import type { PrivateSocket } from '@warren/shell/unix-socket';
import { listenTcp } from '../listen.js';
import { type DerpRegion, derpRegion } from './derp-region.js';
import { refusal } from './http-endpoints.js';
import { createRelay, type Relay, type RelayStats } from './relay-listener.js';
import { startStatsSocket } from './stats-socket.js';
import { type StunServer, startStunServer } from './stun-server.js';

export interface RunRelayOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** Address to listen on; undefined: all. */
  readonly listenHost?: string | undefined;
  /** TCP; 0: any. */
  readonly port: number;
  /** UDP; undefined: no STUN; 0: any. */
  readonly stunPort: number | undefined;
  /** How clients reach this machine: DNS name or address. */
  readonly hostName: string;
  /** Literals for the map, where `hostName` is a name. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly stateDir: string;
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  /** Path of the unix socket for `GET /stats`; undefined: none. */
  readonly statsSocket?: string | undefined;
  readonly admit?: ((key: NodeKey, source: string) => boolean) | undefined;
  readonly clientLimit?: TokenBucketLimit | undefined;
  /** Ends the relay as `close()` does. */
  readonly signal?: AbortSignal | undefined;
}

/** Numbers of all parts. */
export interface RunningRelayStats extends RelayStats {
  readonly stun: Readonly<Record<string, number>>;
}

export interface RunningRelay {
  readonly region: DerpRegion;
  /** Where {@link region} was written. */
  readonly regionFile: string;
  readonly port: number;
  readonly stunPort: number | undefined;
  stats(): RunningRelayStats;
  /** Tells clients when to come back, then stops everything. Safe to call twice. */
  close(): Promise<void>;
  /** Resolves when the relay has ended, by `close` or by the signal. */
  readonly closed: Promise<void>;
}

/** Until the upgrade a client has this long for its request, as official relays allow. */
const REQUEST_MS = 30_000;
/** A TLS handshake takes three round trips; the slowest path is below a second each. */
const TLS_HANDSHAKE_MS = 10_000;
/** How often Node looks for requests that are overdue. */
const REQUEST_CHECK_MS = 5_000;

const PAGES: Readonly<Record<string, string>> = {
  '/': 'This is a Warren relay. It passes encrypted packets between nodes that cannot reach each other directly.\n',
  '/robots.txt': 'User-agent: *\nDisallow: /\n',
};

function answer(relay: Relay, request: IncomingMessage, response: ServerResponse): void {
  if (relay.handleRequest(request, response)) return;
  const page = PAGES[request.url ?? '/'];
  response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/plain' });
  response.end(page ?? 'not found\n');
}

function makeHttps(identity: TlsIdentity, relay: Relay): Server {
  const server = createServer(
    {
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'], // HTTP/2 can't give the socket up
      handshakeTimeout: TLS_HANDSHAKE_MS,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    },
    (request, response) => answer(relay, request, response),
  );
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    if (relay.handleUpgrade(request, socket, head)) return;
    socket.on('error', () => socket.destroy());
    socket.end(refusal('404 Not Found', 'not found'));
  });
  return server;
}

/** Starts all of it. Rejects with a WarrenError (and nothing left running) when a part can't start. */
export async function runRelay(options: RunRelayOptions): Promise<RunningRelay> {
  const lock = lockDirectory(options.stateDir);
  try {
    return await runLocked(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function runLocked(options: RunRelayOptions, lock: DirectoryLock): Promise<RunningRelay> {
  const { stateDir, clock } = options;
  const log = options.log.child({ part: 'relay' });
  const identity = loadOrMakeSelfSigned(stateDir, [options.hostName], clock.wall());
  if (identity.reissued !== undefined) {
    log.warn('new certificate: clients need the new pin from derp-region.json', {
      reason: identity.reissued,
    });
  }
  const relay = createRelay({ ...options, keyFile: path.join(stateDir, 'relay.key') });
  const parts = new Parts(relay, makeHttps(identity, relay), lock);
  try {
    return await start(options, identity, relay, parts, log);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function start(
  options: RunRelayOptions,
  identity: TlsIdentity,
  relay: Relay,
  parts: Parts,
  log: Logger,
): Promise<RunningRelay> {
  const { listenHost: host, stunPort: wantedStunPort, statsSocket, stateDir } = options;
  const port = await listenTcp(parts.https, { host, port: options.port });
  if (wantedStunPort !== undefined) {
    parts.stun = await startStunServer({ ...options, host, port: wantedStunPort });
  }
  const stats = (): RunningRelayStats => ({
    ...relay.stats(),
    stun: parts.stun?.counters.snapshot() ?? {},
  });
  if (statsSocket !== undefined) parts.statsSocket = await startStatsSocket(statsSocket, stats);
  const stunPort = parts.stun?.port;
  const region = derpRegion({ ...options, pin: identity.pin, port, stunPort });
  const regionFile = path.join(stateDir, 'derp-region.json');
  writeFileAtomic(regionFile, `${JSON.stringify(region, undefined, 2)}\n`, 0o644);
  log.info('relay is up', { port, stunPort, region: options.regionId, pin: identity.pin });
  const close = (): Promise<void> => parts.close();
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  if (options.signal?.aborted === true) void close();
  return { region, regionFile, port, stunPort, stats, close, closed: parts.closed };
}

/** What has to be stopped, in order: no new connections, clients told, the rest. */
class Parts {
  readonly https: Server;
  readonly closed: Promise<void>;
  stun: StunServer | undefined;
  statsSocket: PrivateSocket | undefined;
  readonly #relay: Relay;
  readonly #lock: DirectoryLock;
  #closing = false;
  #resolveClosed: () => void = () => undefined;

  constructor(relay: Relay, https: Server, lock: DirectoryLock) {
    this.#relay = relay;
    this.#lock = lock;
    this.https = https;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      void this.#stop().finally(this.#resolveClosed);
    }
    await this.closed;
  }

  async #stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.https.close(resolve));
    await Promise.all([this.#relay.close(), this.stun?.close(), this.statsSocket?.close()]);
    this.https.closeAllConnections();
    await stopped;
    this.#lock.release();
  }
}
