/**
 * `warren relay`: TLS with a self-signed certificate, the relay, STUN and the stats socket, all from one state
 * directory:
 *
 *     lock              held while it runs
 *     tls.pem           certificate and key, pinned by clients through the DERP map; none with the operator's files
 *     relay.key         the relay's identity inside DERP
 *     derp-region.json  what to put into the control server's map; rewritten at every start
 */

import type { Server } from 'node:https';
import * as path from 'node:path';
import type { Counters } from '@warren/core/base/counters';
import type { NodeKey } from '@warren/core/keys/keys';
import { AddressTokens } from '@warren/core/stun/address-tokens';
import { writeFileAtomic } from '@warren/shell/files/atomic-file';
import { type DirectoryLock, lockDirectory } from '@warren/shell/files/directory-lock';
import type { Logger } from '@warren/shell/log';
import type { PrivateSocket } from '@warren/shell/unix-socket';
import { createHttpsFront, type HttpsFront } from '../https-front.js';
import { listenTcp } from '../listen.js';
import { type ServerCertificate, serverCertificate } from '../server-certificate.js';
import { ServerEnd } from '../server-end.js';
import type { ServerOptions } from '../server-options.js';
import { type DerpRegion, derpRegion } from './derp-region.js';
import { type HttpFront, PLAIN_HTTP_PORT, startHttpFront } from './http-front.js';
import { createRelay, type Relay, type RelayStats, type SendDatagram } from './relay-listener.js';
import { startStatsSocket } from './stats-socket.js';
import { type StunServer, startStunServer } from './stun-server.js';

export interface RunRelayOptions extends ServerOptions {
  readonly admit?: ((key: NodeKey, source: string) => boolean) | undefined;
}

/** Numbers of all parts. */
export interface RunningRelayStats extends RelayStats {
  /** What came to the TLS port and got no further. */
  readonly front: Readonly<Record<string, number>>;
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

const FRONT_PAGE =
  'This is a Warren relay. It passes encrypted packets between nodes that cannot reach each other directly.\n';

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
  const { stateDir } = options;
  const log = options.log.child({ part: 'relay' });
  const certificate = serverCertificate({ ...options, log });
  const { reissued } = certificate;
  if (reissued !== undefined) {
    log.warn('new certificate: clients need the new pin from derp-region.json', {
      reason: reissued,
    });
  }
  const addressTokens = new AddressTokens(options.crypto, options.random);
  const relay = createRelay({
    ...options,
    addressTokens,
    keyFile: path.join(stateDir, 'relay.key'),
    sendDatagram: options.stunPort === undefined ? undefined : (...of) => parts.sendDatagram(...of),
  });
  const front = createHttpsFront(certificate.identity, relay, FRONT_PAGE);
  const parts = new Parts(relay, front, certificate, lock);
  try {
    return await start({ ...options, addressTokens }, relay, parts, log);
  } catch (error) {
    await parts.end.close();
    throw error;
  }
}

async function start(
  options: RunRelayOptions & { readonly addressTokens: AddressTokens },
  relay: Relay,
  parts: Parts,
  log: Logger,
): Promise<RunningRelay> {
  const { listenHost: host, stunPort: wantedStunPort, statsSocket, stateDir } = options;
  const port = await listenTcp(parts.https, { host, port: options.port });
  if (wantedStunPort !== undefined) {
    parts.stun = await startStunServer({
      ...options,
      host,
      port: wantedStunPort,
      alternatePort: options.stunAlternatePort,
      alternateHost: options.stunAlternateAddress,
    });
  }
  if (options.httpListen !== undefined) parts.http = await startHttpFront(options.httpListen);
  const stats = (): RunningRelayStats => ({
    ...relay.stats(),
    front: parts.front.snapshot(),
    stun: parts.stun?.counters.snapshot() ?? {},
  });
  if (statsSocket !== undefined) parts.statsSocket = await startStatsSocket(statsSocket, stats);
  const stunPort = parts.stun?.port;
  const { pin } = parts.certificate.identity;
  const region = derpRegion({
    ...options,
    pin,
    port,
    stunPort,
    stunAlternatePort: parts.stun?.alternatePort,
    canPort80: parts.http?.port === PLAIN_HTTP_PORT,
  });
  const regionFile = path.join(stateDir, 'derp-region.json');
  writeFileAtomic(regionFile, `${JSON.stringify(region, undefined, 2)}\n`, 0o644);
  log.info('relay is up', { port, stunPort, region: options.regionId, pin });
  const { end } = parts;
  end.closeOn(options.signal);
  return {
    region,
    regionFile,
    port,
    stunPort,
    stats,
    close: () => end.close(),
    closed: end.closed,
  };
}

/** What has to be stopped. */
class Parts {
  readonly https: Server;
  readonly front: Counters;
  readonly end: ServerEnd;
  readonly certificate: ServerCertificate;
  stun: StunServer | undefined;
  http: HttpFront | undefined;
  statsSocket: PrivateSocket | undefined;

  constructor(
    relay: Relay,
    front: HttpsFront,
    certificate: ServerCertificate,
    lock: DirectoryLock,
  ) {
    this.certificate = certificate;
    certificate.follow(front.server);
    this.https = front.server;
    this.front = front.counters;
    this.end = new ServerEnd(this.https, lock, () => {
      certificate.close();
      return Promise.all([
        relay.close(),
        this.stun?.close(),
        this.http?.close(),
        this.statsSocket?.close(),
      ]);
    });
  }

  readonly sendDatagram: SendDatagram = async (...datagram) =>
    (await this.stun?.send(...datagram)) === true;
}
