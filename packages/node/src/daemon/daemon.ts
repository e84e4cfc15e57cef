/**
 * The node: owns the data plane, the logins (logins.ts) and what outlives them, and answers the local API.
 */
import type { UpMessage } from '@warren/core/engines/messages';
import { encodeRelayMap } from '@warren/core/netmap/encode-relay-map';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { type DirectoryLock, lockDirectory } from '@warren/shell/files/directory-lock';
import type { Logger } from '@warren/shell/log';
import type { NodeSettings } from '../config/settings.js';
import { DnsDesk } from '../dns/dns-desk.js';
import type { DnsQuestionText } from '../dns/query-report.js';
import { loadLibc } from '../libc/libc.js';
import { type LinkState, LinkWatcher } from '../link/link-watcher.js';
import type { DnsQueryReport, DnsStatusReport } from '../local-api/dns-report.js';
import type { NetcheckReport } from '../local-api/netcheck-report.js';
import type { PortMapReport } from '../local-api/portmap-report.js';
import type {
  LogoutReport,
  PingLine,
  PingRequest,
  SettingsReport,
  SettingsRequest,
  StatusReport,
  UpEvent,
  UpRequest,
} from '../local-api/protocol.js';
import type { LocalApiBackend } from '../local-api/server.js';
import type { WhoisReport } from '../local-api/whois-report.js';
import type { WhyReport } from '../local-api/why-report.js';
import { dialOutsideTunnel } from '../net/underlay-dial.js';
import { Plane } from '../plane/plane.js';
import { MappingFile } from '../portmap/mapping-file.js';
import { PortMapHost } from '../portmap/port-map-host.js';
import { exitNodeOf, exitNodeSentences } from '../routes/exit-nodes.js';
import { RouteDesk } from '../routes/route-desk.js';
import { applyTun } from '../tun/configure-linux.js';
import { OverlayRules } from '../tun/overlay-rules.js';
import { TunSettings } from '../tun/tun-settings.js';
import { checkUdpPort } from '../udp/check-port.js';
import { HandshakeTime } from './handshake-time.js';
import { Health } from './health.js';
import { HealthPort } from './health-port.js';
import { History } from './history.js';
import { LiveSettings } from './live-settings.js';
import { type Credentials, Logins } from './logins.js';
import { checkNetwork } from './netcheck.js';
import { NetmapFile } from './netmap-file.js';
import { NetworkFile } from './network-file.js';
import { pingPeer } from './ping.js';
import { PortUse } from './port-use.js';
import { portMapJson } from './portmap-json.js';
import { ProfileFile } from './profile-file.js';
import {
  clockSentence,
  endpointSentences,
  notRunning,
  relaySentences,
  rulesSentence,
  runningPart,
} from './sentences.js';
import { Session, type SessionEvent } from './session.js';
import { buildStatus, engineInputs } from './status.js';
import { whois } from './whois.js';
import { explainPeer } from './why.js';

/** Where the system keeps its DNS settings. */
const SYSTEM_DIRECTORY = '/etc';

export interface DaemonOptions {
  readonly version: string;
  readonly stateDir: string;
  readonly tunName: string;
  readonly listenPort: number;
  /** From flags, environment and configuration. */
  readonly settings: NodeSettings;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** The data plane died or a person asked for the end. */
  readonly onEnd: (error: Error | undefined) => void;
}

export class Daemon implements LocalApiBackend {
  readonly #options: DaemonOptions;
  readonly #lock: DirectoryLock;
  readonly #file: ProfileFile;
  readonly #plane: Plane;
  readonly #tun: TunSettings;
  readonly #router: RouteDesk;
  readonly #watcher: LinkWatcher;
  readonly #health = new Health();
  readonly #history: History;
  readonly #portUse: PortUse;
  readonly #networkFile: NetworkFile;
  readonly #netmapFile: NetmapFile;
  /** Undefined: routers are not asked. */
  readonly #portMap: PortMapHost | undefined;
  readonly #settings: LiveSettings;
  readonly #dns: DnsDesk;
  readonly #logins: Logins;
  #link: LinkState = { addresses: [], defaultRoute: '' };
  #healthPort: HealthPort | undefined;

  private constructor(
    options: DaemonOptions,
    lock: DirectoryLock,
    file: ProfileFile,
    plane: Plane,
  ) {
    this.#options = options;
    this.#lock = lock;
    this.#file = file;
    this.#plane = plane;
    this.#history = new History(options.stateDir, options.clock, options.log);
    this.#portUse = new PortUse(options.stateDir, options.clock, options.log);
    this.#networkFile = new NetworkFile(options.stateDir, options.clock, options.log);
    this.#netmapFile = new NetmapFile(options);
    this.#portMap = !options.settings.portMapping
      ? undefined
      : new PortMapHost({
          ...options,
          file: new MappingFile(options.stateDir, options.log),
          onChange: (mappings, services) =>
            this.#logins.session?.host?.handle({ type: 'port-map', mappings, services }),
        });
    const rules = new OverlayRules(options.tunName);
    this.#tun = new TunSettings({
      name: options.tunName,
      log: options.log,
      apply: (name, addresses, isShared) =>
        applyTun(name, addresses, options.settings.mtuBytes, isShared),
      applyPolicy: (policy) => rules.apply(policy),
      onPolicyTrouble: (error) => {
        if (error === undefined) this.#health.clear('tun-rules');
        else this.#health.set('tun-rules', rulesSentence(error));
      },
      onTrouble: (error) => {
        if (error === undefined) this.#health.clear('tun');
        else this.#health.set('tun', `The tunnel's device is not configured: ${error.message}`);
      },
    });
    this.#router = new RouteDesk({
      ...options,
      health: this.#health,
      deviceReady: () => this.#tun.settled(),
    });
    this.#logins = new Logins({
      ...{ file, tun: this.#tun, log: options.log },
      newSession: (credentials, onEvent) => this.#newSession(credentials, onEvent),
    });
    // Static endpoints are told to the session at once.
    this.#settings = new LiveSettings({
      started: options.settings,
      file,
      health: this.#health,
      log: options.log,
      onStaticEndpoints: (endpoints) => {
        this.#logins.session?.host?.handle({ type: 'static-endpoints', endpoints });
      },
      onHostName: (hostName) => this.#logins.session?.setHostName(hostName),
      exitNodeOf: (wanted) => exitNodeOf(this.#logins.session?.netmap, wanted),
      onRoutes: () => this.#logins.session?.routesChanged(),
      onHardNats: (isOn) => this.#logins.session?.host?.handle({ type: 'hard-nats', isOn }),
      onAcceptDns: () => this.#dns.settingsChanged(),
    });
    this.#dns = new DnsDesk({
      ...options,
      health: this.#health,
      directory: SYSTEM_DIRECTORY,
      acceptDns: () => this.#settings.acceptDns,
      deviceSettled: () => this.#tun.settled(),
    });
    this.#watcher = new LinkWatcher({
      tunName: options.tunName,
      log: options.log,
      onEvent: () => {
        this.#tun.check();
        void this.#router.check();
      },
      onChange: (link) => {
        options.log.info('link changed', { addresses: link.addresses });
        this.#link = link;
        this.#settings.linkChanged();
        this.#logins.session?.linkChanged(link);
        this.#portMap?.linkChanged();
        this.#dns.linkChanged(link);
      },
    });
  }

  /** Opens everything; resumes the login of the last run when it was up. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    // Before anything is read: two daemons with one identity would fight for its address.
    const lock = lockDirectory(options.stateDir);
    let daemon: Daemon | undefined;
    try {
      daemon = await Daemon.#open(options, lock);
      daemon.#logins.resume();
      return daemon;
    } catch (error) {
      await daemon?.close();
      lock.release();
      throw error;
    }
  }

  static async #open(options: DaemonOptions, lock: DirectoryLock): Promise<Daemon> {
    if (!lock.isReal)
      options.log.warn('no flock here: nothing keeps a second daemon off the state');
    const file = new ProfileFile(options.stateDir, options.random);
    const handshakeTime = new HandshakeTime(options.stateDir, options.log);
    await checkUdpPort(options.listenPort);
    dialOutsideTunnel(await loadLibc());
    // The plane speaks before the daemon around it exists.
    const receiver: { daemon?: Daemon } = {};
    const plane = await Plane.start(
      {
        tunName: options.tunName,
        mtuBytes: options.settings.mtuBytes,
        handshakeFloor: handshakeTime.floor,
      },
      {
        onStarted: (description) => options.log.info('data plane', { description }),
        onUp: (messages) => receiver.daemon?.onUp(messages),
        onHandshakeTime: (time) => handshakeTime.note(time),
        onFailed: (error) => options.onEnd(error),
      },
    );
    const daemon = new Daemon(options, lock, file, plane);
    receiver.daemon = daemon;
    daemon.#link = await daemon.#watcher.start();
    daemon.#tun.start();
    daemon.#router.start();
    daemon.#dns.linkChanged(daemon.#link);
    daemon.#dns.start();
    daemon.#portMap?.linkChanged();
    const { healthPort } = options.settings;
    if (healthPort !== undefined) {
      daemon.#healthPort = await HealthPort.open(healthPort, () => daemon.#unready());
    }
    return daemon;
  }

  onUp(messages: readonly UpMessage[]): void {
    this.#logins.session?.onUp(messages);
  }

  async close(): Promise<void> {
    this.#logins.close();
    this.#settings.close();
    await this.#dns.close();
    await this.#portMap?.stop();
    await this.#healthPort?.close();
    this.#watcher.close();
    await this.#router.close();
    await this.#tun.close();
    this.#history.close();
    this.#networkFile.close();
    this.#netmapFile.close();
    await this.#plane.stop();
    this.#lock.release();
  }

  up(request: UpRequest, emit: (event: UpEvent) => void, signal: AbortSignal): Promise<void> {
    const { acceptDns } = request;
    if (acceptDns !== undefined) this.#settings.change({ acceptDns });
    return this.#logins.up(request, emit, signal);
  }

  down(): Promise<void> {
    return this.#logins.down();
  }

  logout(): Promise<LogoutReport> {
    return this.#logins.logout();
  }

  async status(): Promise<StatusReport> {
    const { clock, version } = this.#options;
    await this.#logins.session?.host?.refreshCounters();
    // All at one moment: a `down` may have come meanwhile.
    const session = this.#logins.session;
    const { profile } = this.#file;
    const engine = session?.host?.status();
    return buildStatus({
      version,
      state: this.#logins.state,
      loginServer: profile.login?.server,
      authUrl: session?.visit?.url,
      settings: this.#settings.status(),
      netmap: session?.netmap,
      planned: session?.planned,
      ...engineInputs(engine),
      health: [
        ...this.#health.sentences,
        ...clockSentence(session),
        ...exitNodeSentences(session?.planned, this.#settings.routes.exitNode),
        ...relaySentences(session, engine),
        ...endpointSentences(engine),
      ],
      history: this.#history.records,
      counters: {
        ...session?.controlCounters(),
        ...engine?.counters,
        ...this.#dns.counters(),
      },
      now: clock.now(),
      wallNow: clock.wall(),
    });
  }

  async netcheck(onProgress: (message: string) => void): Promise<NetcheckReport> {
    const { host } = this.#logins.session ?? {};
    if (host === undefined) throw notRunning(this.#logins.state);
    return checkNetwork(host, this.#options.clock, onProgress);
  }

  async portMap(): Promise<PortMapReport> {
    const routers = await this.#portMap?.survey();
    const nat = this.#logins.session?.host?.status().description;
    return portMapJson(routers, nat, this.#options.clock.now());
  }

  relayMap(): unknown {
    const { netmap } = this.#logins.session ?? {};
    if (netmap === undefined) throw notRunning(this.#logins.state);
    return encodeRelayMap(netmap.relayMap);
  }

  async ping(
    request: PingRequest,
    emit: (line: PingLine) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await pingPeer({
      ...runningPart(this.#logins.session, this.#logins.state),
      request,
      emit,
      signal,
    });
  }

  async why(wanted: string, signal: AbortSignal): Promise<WhyReport> {
    const { records } = this.#history;
    const part = runningPart(this.#logins.session, this.#logins.state);
    return explainPeer({ ...part, wanted, records, signal });
  }

  dnsStatus(): DnsStatusReport {
    return this.#dns.status();
  }

  dnsQuery(question: DnsQuestionText): Promise<DnsQueryReport> {
    return this.#dns.query(question);
  }

  whois(wanted: string): WhoisReport {
    return whois(runningPart(this.#logins.session, this.#logins.state).netmap, wanted);
  }

  settings(): SettingsReport {
    return this.#settings.report();
  }

  changeSettings(request: SettingsRequest): SettingsReport {
    return this.#settings.change(request);
  }

  shutdown(): void {
    this.#options.onEnd(undefined);
  }

  /** Why nobody reaches us, in a few words; undefined: they may. */
  #unready(): string | undefined {
    const state = this.#logins.state;
    if (state !== 'Running') return state;
    return this.#logins.session?.host?.hasUdp === true ? undefined : 'no UDP socket';
  }

  #newSession(credentials: Credentials, onEvent: (event: SessionEvent) => void): Session {
    return new Session(
      {
        ...this.#options,
        staticEndpoints: () => this.#settings.staticEndpoints,
        hardNats: () => this.#settings.hardNats,
        plane: this.#plane,
        tun: this.#tun,
        router: this.#router,
        routes: () => this.#settings.routes,
        file: this.#file,
        ...credentials,
        link: this.#link,
        health: this.#health,
        history: this.#history,
        portUse: this.#portUse,
        networkFile: this.#networkFile,
        netmapFile: this.#netmapFile,
        portMap: this.#portMap,
        onNetmap: (netmap) => this.#dns.setNetmap(netmap),
      },
      onEvent,
    );
  }
}
