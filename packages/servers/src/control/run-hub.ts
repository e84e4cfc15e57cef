/**
 * `warren hub`: control and relay on one TLS port, STUN beside them, for a home or a small team. All state is
 * in one directory:
 *
 *     lock           held while it runs
 *     tls.pem        certificate and key; auth keys and the DERP map pin it; none with the operator's own files
 *     control.key    the control server's identity
 *     control.db     nodes, users, auth keys; beside it what SQLite needs (control.db-wal)
 *     relay.key      the relay's identity
 *
 * Only nodes of this network may use the relay.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import * as path from 'node:path';
import type { Duplex } from 'node:stream';
import type { Counters } from '@warren/core/base/counters';
import { sameJson } from '@warren/core/base/json';
import { formatPins, type HubPins } from '@warren/core/control/auth-key';
import { parseAddress } from '@warren/core/ip/address';
import type { WireRegion, WireRelayMap } from '@warren/core/netmap/wire';
import { AddressTokens } from '@warren/core/stun/address-tokens';
import { type DirectoryLock, lockDirectory } from '@warren/shell/files/directory-lock';
import type { Logger } from '@warren/shell/log';
import { type CertificatePin, pinOfPem } from '@warren/shell/tls/pins';
import type { PrivateSocket } from '@warren/shell/unix-socket';
import { ControlError } from '../errors.js';
import { createHttpsFront, type HttpHandler } from '../https-front.js';
import { listenTcp } from '../listen.js';
import { derpRegion } from '../relay/derp-region.js';
import { pathOf } from '../relay/http-endpoints.js';
import { type HttpFront, PLAIN_HTTP_PORT, startHttpFront } from '../relay/http-front.js';
import { createRelay, type Relay, type RelayStats } from '../relay/relay-listener.js';
import { startStatsSocket } from '../relay/stats-socket.js';
import { type StunServer, startStunServer } from '../relay/stun-server.js';
import { type ServerCertificate, serverCertificate } from '../server-certificate.js';
import { ServerEnd } from '../server-end.js';
import type { ServerOptions } from '../server-options.js';
import type { ControlAdmin } from './admin.js';
import { startAdminSocket } from './admin-socket.js';
import type { InfoReport } from './admin-types.js';
import { AdminApi } from './api/api-app.js';
import { apiListener, isApiPath, type RequestListener } from './api/api-listener.js';
import { type Control, type ControlStats, createControl } from './create-control.js';
import { type DerpMapSource, DerpMaps } from './derp-maps.js';
import { checkRegion, relayMapOf } from './relay-regions.js';

export interface RunHubOptions extends ServerOptions {
  /** Regions of other relays, as their `derp-region.json` says. */
  readonly extraRegions?: readonly unknown[] | undefined;
  /** Relay maps from elsewhere, which are read again now and then. */
  readonly derpMaps?: readonly DerpMapSource[] | undefined;
  /** False: nothing is relayed here (and no STUN answered); nodes use the relays of `extraRegions`. */
  readonly relay?: boolean | undefined;
  /** Suffix of the nodes' names; default `warren.internal`. */
  readonly baseDomain?: string | undefined;
  /** How long the keys of people's machines are good for; undefined: for ever. */
  readonly nodeKeyLifeMs?: number | undefined;
  /** Who may do what (policy/parse-policy.ts); undefined: everybody may talk to everybody. */
  readonly policyFile?: string | undefined;
  /** Names and resolvers of the network (dns-file.ts); undefined: names alone. */
  readonly dnsFile?: string | undefined;
  /** Path of the operator's unix socket; undefined: none. */
  readonly adminSocket?: string | undefined;
}

/** Numbers of all parts; the relay's at the top, as `warren relay` has them. */
export interface HubStats extends RelayStats {
  /** What came to the TLS port and got no further. */
  readonly front: Readonly<Record<string, number>>;
  readonly stun: Readonly<Record<string, number>>;
  readonly control: ControlStats;
}

export interface RunningHub {
  /** What clients log in to: `https://host[:port]`. */
  readonly url: string;
  readonly pins: HubPins;
  readonly port: number;
  readonly stunPort: number | undefined;
  readonly relayMap: WireRelayMap;
  readonly admin: ControlAdmin;
  /** Why the certificate was made anew, which strands clients that pinned the old one. */
  readonly reissued: 'expired' | 'host-name' | undefined;
  /**
   * Other regions than `extraRegions` from now on; nodes hear of what changed. Throws {@link ControlError} for
   * what is none, and nothing changed.
   */
  setExtraRegions(regions: readonly unknown[]): void;
  stats(): HubStats;
  /** Stops everything. Safe to call twice. */
  close(): Promise<void>;
  /** Resolves when the hub has ended, by `close` or by the signal. */
  readonly closed: Promise<void>;
}

/** Under a top-level domain that ICANN keeps for private networks, so no public name is hidden by it. */
const BASE_DOMAIN_DEFAULT = 'warren.internal';
const FRONT_PAGE =
  'This is a Warren hub. Join a machine with: warren up --login-server URL --auth-key KEY\n';

/** Starts all of it. Rejects with a WarrenError (and nothing left running) when a part can't start. */
export async function runHub(options: RunHubOptions): Promise<RunningHub> {
  const { stateDir } = options;
  const log = options.log.child({ part: 'hub' });
  const extraRegions = (options.extraRegions ?? []).map(checkRegion);
  const hasMaps = (options.derpMaps ?? []).length > 0;
  if (options.relay === false && extraRegions.length === 0 && !hasMaps) {
    throw new ControlError(
      'CONTROL_SETTING',
      'a hub that relays nothing needs another relay',
      'Name its region with --derp-region-file, or a map with --derp-map-url, or leave --no-relay out.',
    );
  }
  const lock = lockDirectory(stateDir);
  try {
    return await runLocked(options, extraRegions, lock, log);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function runLocked(
  options: RunHubOptions,
  extraRegions: readonly WireRegion[],
  lock: DirectoryLock,
  log: Logger,
): Promise<RunningHub> {
  const certificate = serverCertificate({ ...options, log });
  const { reissued } = certificate;
  if (reissued !== undefined) {
    log.warn('new certificate: machines that pinned the old one must join again', {
      reason: reissued,
    });
  }
  const parts = new Parts(options, certificate, lock);
  try {
    const port = await listenTcp(parts.https, { host: options.listenHost, port: options.port });
    const relayMap = await parts.start(port, extraRegions);
    const hub = describe(options, parts, port, relayMap);
    log.info('hub is up', { url: hub.url, stunPort: hub.stunPort });
    parts.end.closeOn(options.signal);
    return { ...hub, reissued };
  } catch (error) {
    await parts.end.close();
    throw error;
  }
}

function describe(
  options: RunHubOptions,
  parts: Parts,
  port: number,
  relayMap: WireRelayMap,
): Omit<RunningHub, 'reissued'> {
  const { control } = parts;
  return {
    url: loginUrl(options.hostName, port),
    pins: parts.pins,
    port,
    stunPort: parts.stun?.port,
    relayMap,
    admin: control.admin,
    setExtraRegions: (regions) => parts.setExtraRegions(regions.map(checkRegion)),
    stats: () => parts.stats(),
    close: () => parts.end.close(),
    closed: parts.end.closed,
  };
}

/** A pin without its prefix. */
function hexOf(pin: CertificatePin): string {
  return pin.slice(pin.indexOf(':') + 1);
}

function loginUrl(hostName: string, port: number): string {
  const isV6 = parseAddress(hostName)?.includes(':') === true;
  return `https://${isV6 ? `[${hostName}]` : hostName}${port === 443 ? '' : `:${port}`}`;
}

/** What runs and has to be stopped again. */
class Parts implements HttpHandler {
  readonly https: Server;
  readonly end: ServerEnd;
  stun: StunServer | undefined;
  #http: HttpFront | undefined;
  #relayMap: WireRelayMap | undefined;
  #ownRegions: readonly WireRegion[] = [];
  #extraRegions: readonly WireRegion[] = [];
  readonly #maps: DerpMaps;
  readonly #options: RunHubOptions;
  readonly #certificate: ServerCertificate;
  readonly #front: Counters;
  readonly #relay: Relay;
  readonly #addressTokens: AddressTokens;
  #control: Control | undefined;
  #answerApi: RequestListener | undefined;
  #statsSocket: PrivateSocket | undefined;
  #adminSocket: PrivateSocket | undefined;

  constructor(options: RunHubOptions, certificate: ServerCertificate, lock: DirectoryLock) {
    this.#options = options;
    this.#certificate = certificate;
    this.#maps = new DerpMaps({
      sources: options.derpMaps ?? [],
      log: options.log,
      onChange: () => this.#publishRelayMap(),
    });
    this.#addressTokens = new AddressTokens(options.crypto, options.random);
    this.#relay = createRelay({
      ...options,
      addressTokens: this.#addressTokens,
      keyFile: path.join(options.stateDir, 'relay.key'),
      admit: (key) => this.#control?.isMember(key) === true,
      sendDatagram:
        options.stunPort === undefined
          ? undefined
          : async (...datagram) => (await this.stun?.send(...datagram)) === true,
    });
    const front = createHttpsFront(certificate.identity, this, FRONT_PAGE);
    this.https = front.server;
    certificate.follow(this.https);
    this.#front = front.counters;
    this.end = new ServerEnd(this.https, lock, () => this.#stop());
  }

  get #isRelaying(): boolean {
    return this.#options.relay !== false;
  }

  get control(): Control {
    if (this.#control !== undefined) return this.#control;
    throw new ControlError('STARTING', 'the hub is still starting', 'Try again in a second.');
  }

  /** What this hub can be known by, until its certificate is another. */
  get pins(): HubPins {
    const { pin, certificatePem } = this.#certificate.identity;
    const certificateSha256 = hexOf(pin ?? pinOfPem(certificatePem));
    return { certificateSha256, controlKey: this.control.publicKey };
  }

  /** The same where machines that join have to know it: no authority signed the certificate. */
  get #toldPins(): HubPins | undefined {
    return this.#certificate.identity.pin === undefined ? undefined : this.pins;
  }

  /** Everything behind the TCP port; answers the map that nodes get. */
  async start(port: number, extraRegions: readonly WireRegion[]): Promise<WireRelayMap> {
    const { listenHost: host, adminSocket, statsSocket } = this.#options;
    const api = new AdminApi({
      target: () => ({ admin: this.control.admin, info: () => this.#info(port) }),
      clock: this.#options.clock,
      log: this.#options.log,
    });
    // First of all: operators see that it starts.
    if (adminSocket !== undefined) this.#adminSocket = await startAdminSocket(adminSocket, api);
    this.#answerApi = apiListener(api, false);
    const wanted = this.#isRelaying ? this.#options.stunPort : undefined;
    if (wanted !== undefined) {
      this.stun = await startStunServer({
        ...this.#options,
        host,
        port: wanted,
        alternatePort: this.#options.stunAlternatePort,
        alternateHost: this.#options.stunAlternateAddress,
        addressTokens: this.#addressTokens,
      });
    }
    const { httpListen } = this.#options;
    if (httpListen !== undefined && this.#isRelaying) this.#http = await startHttpFront(httpListen);
    const own = derpRegion({
      ...this.#options,
      pin: this.#certificate.identity.pin,
      canPort80: this.#http?.port === PLAIN_HTTP_PORT,
      port,
      stunPort: this.stun?.port,
      stunAlternatePort: this.stun?.alternatePort,
    });
    this.#ownRegions = this.#isRelaying ? [own] : [];
    this.#extraRegions = extraRegions;
    await this.#maps.start();
    const relayMap = this.#wholeMap();
    const { pin } = this.#certificate.identity;
    this.#control = createControl({
      ...this.#options,
      relayMap,
      serverUrl: loginUrl(this.#options.hostName, port),
      baseDomain: this.#options.baseDomain ?? BASE_DOMAIN_DEFAULT,
      certificateSha256: pin === undefined ? undefined : hexOf(pin),
      onMembersChanged: () => this.#relay.recheckAdmission(),
    });
    if (statsSocket !== undefined) {
      this.#statsSocket = await startStatsSocket(statsSocket, () => this.stats());
    }
    this.#relayMap = relayMap;
    return relayMap;
  }

  #info(port: number): InfoReport {
    const url = loginUrl(this.#options.hostName, port);
    const pins = this.#toldPins;
    return { url, pins: pins === undefined ? null : formatPins(pins), ...this.control.stats() };
  }

  setExtraRegions(extraRegions: readonly WireRegion[]): void {
    this.#extraRegions = extraRegions;
    this.#publishRelayMap();
    void this.#maps.refresh();
  }

  /** Ours count over those of operators' files, and these over maps from elsewhere. */
  #wholeMap(): WireRelayMap {
    return relayMapOf([...this.#maps.regions, ...this.#extraRegions, ...this.#ownRegions]);
  }

  /** Nodes hear of a map that is another one; before control stands there is nobody to tell. */
  #publishRelayMap(): void {
    const map = this.#wholeMap();
    if (this.#relayMap === undefined || sameJson(map, this.#relayMap)) return;
    this.#relayMap = map;
    this.#control?.setRelayMap(map);
  }

  stats(): HubStats {
    return {
      ...this.#relay.stats(),
      front: this.#front.snapshot(),
      stun: this.stun?.counters.snapshot() ?? {},
      control: this.control.stats(),
    };
  }

  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#answerApi !== undefined && isApiPath(pathOf(request))) {
      this.#answerApi(request, response);
      return true;
    }
    if (this.#answerRelayMap(request, response)) return true;
    if (this.#control?.handleRequest(request, response) === true) return true;
    return this.#isRelaying && this.#relay.handleRequest(request, response);
  }

  /** What a network check without a login measures; official servers have it under the same name. */
  #answerRelayMap(request: IncomingMessage, response: ServerResponse): boolean {
    const isAsked = request.method === 'GET' && pathOf(request) === '/derpmap/default';
    if (!isAsked || this.#relayMap === undefined) return false;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(`${JSON.stringify(this.#relayMap)}\n`);
    return true;
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean {
    if (this.#control?.handleUpgrade(request, socket, head) === true) return true;
    return this.#isRelaying && this.#relay.handleUpgrade(request, socket, head);
  }

  async #stop(): Promise<void> {
    this.#maps.close();
    this.#certificate.close();
    await this.#control?.close();
    await Promise.all([
      this.#relay.close(),
      this.#http?.close(),
      this.stun?.close(),
      this.#statsSocket?.close(),
      this.#adminSocket?.close(),
    ]);
  }
}
