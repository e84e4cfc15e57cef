/**
 * The node: owns the data plane, the login and its session, and answers the local API.
 *
 *     Stopped --up--> (NeedsLogin -> Starting) --> Running --down--> Stopped
 *
 * What people asked for is in the profile, so a daemon that was killed comes back in the same state.
 */
import type { UpMessage } from '@warren/core/engines/messages';
import { encodeRelayMap } from '@warren/core/netmap/encode-relay-map';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { type DirectoryLock, lockDirectory } from '@warren/shell/files/directory-lock';
import type { Logger } from '@warren/shell/log';
import type { NodeSettings } from '../config/settings.js';
import type { NodeError } from '../errors.js';
import { type LinkState, LinkWatcher } from '../link/link-watcher.js';
import type { NetcheckReport } from '../local-api/netcheck-report.js';
import type {
  BackendState,
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
import type { WhyReport } from '../local-api/why-report.js';
import { Plane } from '../plane/plane.js';
import { MappingFile } from '../portmap/mapping-file.js';
import { PortMapHost } from '../portmap/port-map-host.js';
import { applyTun, TUN_MTU_BYTES } from '../tun/configure-linux.js';
import { OverlayRules } from '../tun/overlay-rules.js';
import { TunSettings } from '../tun/tun-settings.js';
import { checkUdpPort } from '../udp/check-port.js';
import { awaitRunning, runningEvent } from './await-running.js';
import { HandshakeTime } from './handshake-time.js';
import { Health } from './health.js';
import { HealthPort } from './health-port.js';
import { History } from './history.js';
import { LiveSettings } from './live-settings.js';
import { profileFor, profileLoggedOut, profileWithout } from './login.js';
import { checkNetwork } from './netcheck.js';
import { NetworkFile } from './network-file.js';
import { pingPeer } from './ping.js';
import { PortUse } from './port-use.js';
import type { Profile } from './profile.js';
import { ProfileFile } from './profile-file.js';
import {
  clockSentence,
  endpointSentences,
  interrupted,
  notRunning,
  relaySentences,
  rulesSentence,
  runningPart,
} from './sentences.js';
import { Session, type SessionEvent } from './session.js';
import { buildStatus, engineInputs } from './status.js';
import { explainPeer } from './why.js';

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
  readonly #watcher: LinkWatcher;
  readonly #health = new Health();
  readonly #history: History;
  readonly #portUse: PortUse;
  readonly #networkFile: NetworkFile;
  /** Undefined: routers are not asked. */
  readonly #portMap: PortMapHost | undefined;
  readonly #settings: LiveSettings;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #link: LinkState = { addresses: [], defaultRoute: '' };
  #session: Session | undefined;
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
    this.#portMap = !options.settings.portMapping
      ? undefined
      : new PortMapHost({
          ...options,
          file: new MappingFile(options.stateDir, options.log),
          onChange: (mappings, services) =>
            this.#session?.host?.handle({ type: 'port-map', mappings, services }),
        });
    this.#settings = new LiveSettings({
      started: options.settings,
      file,
      health: this.#health,
      log: options.log,
      onStaticEndpoints: (endpoints) => {
        this.#session?.host?.handle({ type: 'static-endpoints', endpoints });
      },
      onHostName: (hostName) => this.#session?.setHostName(hostName),
    });
    const rules = new OverlayRules(options.tunName);
    this.#tun = new TunSettings({
      name: options.tunName,
      log: options.log,
      apply: applyTun,
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
    this.#watcher = new LinkWatcher({
      tunName: options.tunName,
      log: options.log,
      onEvent: () => this.#tun.check(),
      onChange: (link) => {
        options.log.info('link changed', { addresses: link.addresses });
        this.#link = link;
        this.#settings.linkChanged();
        this.#session?.linkChanged(link);
        this.#portMap?.linkChanged();
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
      daemon.#resume();
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
    // The plane speaks before the daemon around it exists.
    const receiver: { daemon?: Daemon } = {};
    const plane = await Plane.start(
      {
        tunName: options.tunName,
        mtuBytes: TUN_MTU_BYTES,
        handshakeFloor: handshakeTime.floor,
      },
      {
        onUp: (message: UpMessage) => receiver.daemon?.onUp(message),
        onHandshakeTime: (time) => handshakeTime.note(time),
        onFailed: (error) => options.onEnd(error),
      },
    );
    const daemon = new Daemon(options, lock, file, plane);
    receiver.daemon = daemon;
    daemon.#link = await daemon.#watcher.start();
    daemon.#tun.start();
    daemon.#portMap?.linkChanged();
    const { healthPort } = options.settings;
    if (healthPort !== undefined) {
      daemon.#healthPort = await HealthPort.open(healthPort, () => daemon.#unready());
    }
    return daemon;
  }

  /** Goes on where the last run ended, also when that was in the middle of a change of server. */
  #resume(): void {
    const { profile } = this.#file;
    if (profile.previous !== undefined) this.#file.store(profileWithout(profile, profile));
    const { login, wantRunning } = this.#file.profile;
    if (wantRunning && login?.nodeKey !== undefined) this.#startSession(undefined);
  }

  onUp(message: UpMessage): void {
    this.#session?.onUp(message);
  }

  async close(): Promise<void> {
    this.#session?.close();
    this.#session = undefined;
    this.#settings.close();
    await this.#portMap?.stop();
    await this.#healthPort?.close();
    this.#watcher.close();
    await this.#tun.close();
    this.#history.close();
    this.#networkFile.close();
    await this.#plane.stop();
    this.#lock.release();
  }

  async up(request: UpRequest, emit: (event: UpEvent) => void, signal: AbortSignal): Promise<void> {
    const before = this.#file.profile;
    const wanted = profileFor(request, before);
    this.#file.store(wanted);
    let session: Session | undefined;
    try {
      if (this.#needsNewSession(request, before)) {
        this.#stop(interrupted('another `warren up` began a new login'));
        this.#startSession(request.authKey);
      }
      session = this.#session;
      await this.#waitUntilRunning(emit, signal);
    } catch (error) {
      // A first join that fails leaves nothing behind that would retry in the dark. A later one is not ours.
      const isOurs = session === this.#session;
      if (isOurs && this.#file.profile.login?.joined === false) this.#goBack(before);
      throw error;
    }
  }

  async down(): Promise<void> {
    this.#stop(interrupted('`warren down` stopped it'));
    this.#tun.want([]);
    // After the traffic, so that a full disk does not keep it going.
    const { profile } = this.#file;
    this.#file.store({ ...profile, wantRunning: false });
    // A device that stays up without addresses carries nothing; health tells.
    await this.#tun.settled().catch(() => undefined);
  }

  /** Ends the login; the server's address and pins stay for the next one. */
  async logout(): Promise<LogoutReport> {
    const session = this.#session;
    const told = (await session?.logOut()) ?? false;
    if (session === this.#session) this.#stop(interrupted('`warren logout` ended the login'));
    this.#tun.want([]);
    this.#file.store(profileLoggedOut(this.#file.profile));
    await this.#tun.settled().catch(() => undefined);
    return { told };
  }

  async status(): Promise<StatusReport> {
    const { clock, version } = this.#options;
    await this.#session?.host?.refreshCounters();
    // All at one moment: a `down` may have come meanwhile.
    const session = this.#session;
    const { profile } = this.#file;
    const engine = session?.host?.status();
    return buildStatus({
      version,
      state: this.#state(),
      loginServer: profile.login?.server,
      authUrl: session?.authUrl,
      settings: this.#settings.status(),
      netmap: session?.netmap,
      ...engineInputs(engine),
      health: [
        ...this.#health.sentences,
        ...clockSentence(session),
        ...relaySentences(session, engine),
        ...endpointSentences(engine),
      ],
      history: this.#history.records,
      counters: { ...session?.controlCounters(), ...engine?.counters },
      now: clock.now(),
      wallNow: clock.wall(),
    });
  }

  async netcheck(onProgress: (message: string) => void): Promise<NetcheckReport> {
    const { host } = this.#session ?? {};
    if (host === undefined) throw notRunning(this.#state());
    return checkNetwork(host, this.#options.clock, onProgress);
  }

  relayMap(): unknown {
    const { netmap } = this.#session ?? {};
    if (netmap === undefined) throw notRunning(this.#state());
    return encodeRelayMap(netmap.relayMap);
  }

  async ping(
    request: PingRequest,
    emit: (line: PingLine) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await pingPeer({ ...runningPart(this.#session, this.#state()), request, emit, signal });
  }

  async why(wanted: string, signal: AbortSignal): Promise<WhyReport> {
    const { records } = this.#history;
    const part = runningPart(this.#session, this.#state());
    return explainPeer({ ...part, wanted, records, signal });
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

  #state(): BackendState {
    if (this.#session !== undefined) return this.#session.state;
    return this.#file.profile.login?.joined === true ? 'Stopped' : 'NeedsLogin';
  }

  /** Why nobody reaches us, in a few words; undefined: they may. */
  #unready(): string | undefined {
    const state = this.#state();
    if (state !== 'Running') return state;
    return this.#session?.host?.hasUdp === true ? undefined : 'no UDP socket';
  }

  #needsNewSession(request: UpRequest, before: Profile): boolean {
    const session = this.#session;
    const { login, hostName } = this.#file.profile;
    if (session === undefined || session.isStuck) return true;
    if (login !== before.login || hostName !== before.hostName) return true;
    // A node that runs needs no key; scripts give it every time.
    return request.authKey !== undefined && session.state !== 'Running';
  }

  #startSession(authKey: string | undefined): void {
    this.#session = new Session(
      {
        ...this.#options,
        staticEndpoints: () => this.#settings.staticEndpoints,
        plane: this.#plane,
        tun: this.#tun,
        file: this.#file,
        authKey,
        link: this.#link,
        health: this.#health,
        history: this.#history,
        portUse: this.#portUse,
        networkFile: this.#networkFile,
        portMap: this.#portMap,
      },
      (event) => {
        if (event.type === 'failed') {
          this.#session = undefined;
          this.#tun.want([]);
        }
        for (const listener of [...this.#listeners]) listener(event);
      },
    );
  }

  #stop(why: NodeError): void {
    const session = this.#session;
    this.#session = undefined;
    session?.end(why);
  }

  /** After a join that failed: to the login that worked before, if there is one. */
  #goBack(before: Profile): void {
    this.#stop(interrupted('the login failed'));
    try {
      this.#file.store(profileWithout(this.#file.profile, before));
    } catch (error) {
      // What failed is what people hear of; the next start goes back by itself.
      this.#options.log.error('the former login could not be restored', { error });
      return;
    }
    this.#resume();
    if (this.#session === undefined) this.#tun.want([]);
  }

  async #waitUntilRunning(emit: (event: UpEvent) => void, signal: AbortSignal): Promise<void> {
    const session = this.#session;
    if (session !== undefined && session.state !== 'Running') {
      // Who comes later hears what was told before.
      emit({ event: 'state', state: session.state });
      if (session.authUrl !== undefined) emit({ event: 'auth-url', url: session.authUrl });
      await awaitRunning({
        isPatient: () => session.wasConnected || this.#file.profile.login?.joined === true,
        emit,
        signal,
        subscribe: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      });
    }
    // Up is who can be talked to: the addresses stand on the device.
    if (!signal.aborted) await this.#tun.settled();
    if (signal.aborted) return; // the person went away
    if (session !== this.#session) throw interrupted('it was stopped as soon as it was up');
    const self = session?.netmap?.self;
    if (self !== undefined) emit(runningEvent(self));
  }
}
