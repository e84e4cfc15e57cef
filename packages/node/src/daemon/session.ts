/**
 * One login at work: the control client's netmaps go to the PathEngine and the TUN device, the engine's
 * endpoints go back to control. Ends with `close()`; a new login is a new session.
 */
import { hostname, networkInterfaces } from 'node:os';
import { assert } from '@warren/core/base/assert';
import type { ControlClientOutput, LoginState } from '@warren/core/control/io';
import type { UpMessage } from '@warren/core/engines/messages';
import type { SocketId } from '@warren/core/engines/paths';
import { keyFingerprint } from '@warren/core/keys/fingerprint';
import {
  type DiscoPrivateKey,
  generatePrivateKey,
  type NodePrivateKey,
  publicKeyOf,
  shortKey,
} from '@warren/core/keys/keys';
import type { Netmap } from '@warren/core/netmap/types';
import { ipv4SocketId } from '@warren/core/path-engine/sockets';
import { FileError } from '@warren/shell/errors';
import { announcedBy } from '../config/route-settings.js';
import { ControlRunner } from '../control/control-runner.js';
import type { LinkState } from '../link/link-watcher.js';
import { ownNetworks } from '../link/own-networks.js';
import { type PlannedRoutes, planRoutes } from '../routes/plan-routes.js';
import { NO_ROUTES } from '../routes/route-desk.js';
import { overlayPolicy } from '../tun/overlay-policy.js';
import { ControlClock } from './control-clock.js';
import { EngineHost } from './engine-host.js';
import {
  EXPIRED_SENTENCE,
  keptSentence,
  refusalSentence,
  visitSentence,
} from './login-sentences.js';
import { NetworkReports } from './network-reports.js';
import type { SessionOptions } from './session-options.js';
import { readSshHostKeys } from './ssh-host-keys.js';

/** Where a person says yes, and the beginning of the key that the page there shows. */
export interface Visit {
  readonly url: string;
  readonly fingerprint: string;
}

export type SessionEvent =
  | { readonly type: 'state'; readonly state: LoginState }
  | { readonly type: 'auth-url'; readonly url: string; readonly fingerprint: string }
  /** Control refused us; `fatal`: trying again won't help. */
  | { readonly type: 'refused'; readonly message: string; readonly fatal: boolean }
  /** The control server could not be reached or trusted; the session keeps trying. */
  | { readonly type: 'trouble'; readonly error: Error }
  /** The session can't go on and has stopped. */
  | { readonly type: 'failed'; readonly error: Error }
  /** A person ended the session: by `down`, or by a login that took its place. */
  | { readonly type: 'ended'; readonly error: Error };

/** A start waits so long for control before it goes on with the network as it was: longer than a hub's restart takes. */
const KEPT_AFTER_MS = 5_000;

export class Session {
  readonly controlClock: ControlClock;
  readonly #options: SessionOptions;
  readonly #onEvent: (event: SessionEvent) => void;
  #control: ControlRunner;
  #discoPrivateKey: DiscoPrivateKey;
  #host: EngineHost | undefined;
  #reports: NetworkReports | undefined;
  #link: LinkState;
  #netmap: Netmap | undefined;
  /** The netmap is that of an earlier run: control has not been reached yet. */
  #isOnKept = false;
  #keptTimer: NodeJS.Timeout | undefined;
  #state: LoginState = 'NeedsLogin';
  #visit: Visit | undefined;
  /** From the start until control has taken us or refused us for good. */
  #isLoggingIn = true;
  /** A login with a new node key is under way while the present one serves. */
  #isRenewing = false;
  /** Of the IPv4 socket. */
  #udpPort: number | undefined;
  #wasConnected = false;
  #planned: PlannedRoutes | undefined;
  #closed = false;
  #onLoggedOut: (() => void) | undefined;

  constructor(options: SessionOptions, onEvent: (event: SessionEvent) => void) {
    this.#options = options;
    this.#onEvent = onEvent;
    this.#link = options.link;
    this.controlClock = new ControlClock(options.clock);
    this.#discoPrivateKey = generatePrivateKey('disco', options.random);
    const { login } = options.file.profile;
    assert(login !== undefined, 'a session has a login');
    this.#control = this.#newControl();
    if (login.nodeKey !== undefined) this.#startEngine(login.nodeKey);
    const { authKey, force } = options;
    this.#control.handle({ type: 'login', authKey, force });
    if (login.joined && !force) {
      this.#keptTimer = setTimeout(() => this.#goOnAsKept(), KEPT_AFTER_MS);
    }
  }

  #newControl(): ControlRunner {
    const { crypto, random, clock, log, file, routes, health } = this.#options;
    const { machineKey, login, hostName, advertiseTags } = file.profile;
    assert(login !== undefined, 'a session has a login');
    return new ControlRunner(
      {
        ...{ crypto, random, clock, log },
        url: login.server,
        pins: login.pins,
        machinePrivateKey: machineKey,
        nodePrivateKey: login.nodeKey,
        discoKey: publicKeyOf(crypto, 'disco', this.#discoPrivateKey),
        hostName: hostName ?? hostname(),
        requestTags: advertiseTags,
        sshHostKeys: readSshHostKeys(),
        announced: announcedBy(routes()),
      },
      {
        onOutput: (output) => this.#onControl(output),
        onTrouble: (error) => {
          health.set('control', `The control server can't be reached: ${error.message}`);
          this.#onEvent({ type: 'trouble', error });
        },
        onConnected: () => {
          this.#wasConnected = true;
          health.clear('control');
          this.#host?.handle({ type: 'retry-relays' });
        },
      },
    );
  }

  /** Control is away: the network is as it was in the run before, until control says otherwise. */
  #goOnAsKept(): void {
    const { file, netmapFile, authKey, health } = this.#options;
    const { server, nodeKey } = file.profile.login ?? {};
    if (this.#wasConnected || server === undefined || nodeKey === undefined) return;
    const kept = netmapFile.load(server, nodeKey);
    if (kept === undefined) return;
    this.#control.close();
    this.#stopEngine();
    // Peers know this machine by it, and nobody can tell them another one now.
    this.#discoPrivateKey = kept.discoPrivateKey;
    this.#isOnKept = true;
    health.set('netmap', keptSentence(kept.at));
    this.#control = this.#newControl();
    this.#startEngine(nodeKey);
    this.#useNetmap(kept.netmap);
    this.#control.handle({ type: 'login', authKey, force: false });
  }

  get host(): EngineHost | undefined {
    return this.#host;
  }

  /** What of control's word was not taken, by reason. */
  controlCounters(): Readonly<Record<string, number>> {
    return this.#control.counters();
  }

  get netmap(): Netmap | undefined {
    return this.#netmap;
  }

  get state(): LoginState {
    return this.#state;
  }

  /** Control could be reached and trusted at least once. */
  get wasConnected(): boolean {
    return this.#wasConnected;
  }

  /** Nothing is under way that could bring it up: control has ended our login, or the session itself ended. */
  get isStuck(): boolean {
    const isLoggedOut = this.#state === 'NeedsLogin' && this.#visit === undefined;
    return this.#closed || (isLoggedOut && !this.#isLoggingIn);
  }

  /** What a person has to open, if anybody waits for that. */
  get visit(): Visit | undefined {
    return this.#visit;
  }

  /** Logs in anew with a new node key; the present one serves until control has taken that. */
  logInAnew(authKey: string | undefined): void {
    this.#visit = undefined;
    this.#isRenewing = this.#state === 'Running';
    this.#control.handle({ type: 'login', authKey, force: true });
  }

  onUp(messages: readonly UpMessage[]): void {
    for (const message of messages) {
      if (message.type === 'socket-open') this.#noteSocket(message.socketId, message.port);
      else if (message.type === 'socket-failed') {
        this.#noteNoSocket(message.socketId, message.reason);
      }
    }
    this.#host?.handleUps(messages);
  }

  linkChanged(link: LinkState): void {
    this.#options.history.linkChanged();
    const lostAddress = this.#link.addresses.some((address) => !link.addresses.includes(address));
    this.#link = link;
    this.#host?.handle({ type: 'local-addresses', addresses: link.addresses });
    this.#host?.handle({ type: 'link-changed' });
    this.#updatePolicy();
    this.#applyRoutes();
    this.#control.linkChanged(lostAddress);
  }

  /** What is used of routes, and what is announced; undefined: no network. */
  get planned(): PlannedRoutes | undefined {
    return this.#netmap === undefined ? undefined : this.#planned;
  }

  /** Settings of routes are others. */
  routesChanged(): void {
    this.#control.setAnnounced(announcedBy(this.#options.routes()));
    this.#applyRoutes();
  }

  /** Control, and through it peers, are told another name. */
  setHostName(hostName: string): void {
    this.#control.setHostName(hostName);
  }

  /** Ends the login at control; resolves when that is done or has failed: true when control was asked. */
  logOut(): Promise<boolean> {
    const isKnown = this.#state === 'Running' || this.#state === 'NeedsMachineAuth';
    const told = isKnown && this.#control.isConnected;
    return new Promise((resolve) => {
      this.#onLoggedOut = () => resolve(told);
      this.#control.handle({ type: 'logout' });
      // Without a node key there was nothing to end.
      if (this.#options.file.profile.login?.nodeKey === undefined) resolve(told);
    });
  }

  /** Ends it; whoever waits for it hears `why`. */
  end(why: Error): void {
    this.close();
    this.#onEvent({ type: 'ended', error: why });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#keptTimer);
    this.#options.router.want(NO_ROUTES);
    this.#onLoggedOut?.();
    this.#control.close();
    this.#stopEngine();
    this.#options.onNetmap(undefined);
    for (const subject of ['control', 'login', 'netmap', 'udp']) {
      this.#options.health.clear(subject);
    }
  }

  #onControl(output: ControlClientOutput): void {
    if (this.#closed) return;
    switch (output.type) {
      case 'node-key':
        this.#takeNodeKey(output.nodeKey);
        break;
      case 'netmap':
        this.#takeNetmap(output.netmap);
        break;
      case 'control-time':
        this.controlClock.tell(output.time);
        break;
      case 'state':
        this.#takeState(output.state);
        break;
      case 'auth-url':
        this.#visit = { url: output.url, fingerprint: keyFingerprint(output.nodeKey) };
        // A machine that was up yesterday may have nobody who waits for it.
        if (!this.#isRenewing) this.#options.health.set('login', visitSentence(output.url));
        this.#onEvent({ type: 'auth-url', ...this.#visit });
        break;
      case 'refused':
        this.#takeRefusal(output.message, output.fatal);
        break;
      case 'connect':
      case 'request':
      case 'cancel':
      case 'probe':
        break; // the runner's own business
    }
  }

  #noteSocket(socketId: SocketId, port: number): void {
    if (socketId !== ipv4SocketId) return;
    this.#udpPort = port;
    this.#updatePolicy();
    this.#applyRoutes();
    const { listenPort, health } = this.#options;
    if (listenPort === 0 || port === listenPort) {
      health.clear('udp');
      return;
    }
    health.set(
      'udp',
      `UDP port ${listenPort} is taken; port ${port} serves in its place, which firewalls may not know.`,
    );
  }

  #noteNoSocket(socketId: SocketId, reason: string): void {
    this.#options.log.warn('UDP socket failed', { socketId, reason });
    // Machines without IPv6 are healthy.
    if (socketId !== ipv4SocketId) return;
    this.#options.health.set('udp', `No UDP socket for IPv4 could be opened: ${reason}`);
  }

  #takeNetmap(netmap: Netmap): void {
    this.#noteJoined();
    if (netmap.self.expired) {
      // The state that follows takes the machine out of the network.
      this.#options.health.set('login', EXPIRED_SENTENCE);
      return;
    }
    // Control takes us again after all.
    const { nodeKey, server = '' } = this.#options.file.profile.login ?? {};
    if (this.#host === undefined && nodeKey !== undefined) this.#startEngine(nodeKey);
    this.#options.netmapFile.keep({ server, netmap, discoPrivateKey: this.#discoPrivateKey });
    this.#endKept();
    this.#useNetmap(netmap);
  }

  #endKept(): void {
    this.#isOnKept = false;
    this.#options.health.clear('netmap');
  }

  #useNetmap(netmap: Netmap): void {
    this.#netmap = netmap;
    this.#applyRoutes();
    this.#updatePolicy();
    this.#options.tun.want(netmap.self.addresses);
    this.#options.onNetmap(netmap);
  }

  /** What the device needs beside its addresses when our own network lies in the range of the mesh. */
  #updatePolicy(): void {
    const [netmap, link, udpPort] = [this.#netmap, this.#link, this.#udpPort];
    const controlUrl = this.#options.file.profile.login?.server;
    if (netmap === undefined || controlUrl === undefined || this.#closed) return;
    this.#options.tun.setPolicy(overlayPolicy({ netmap, link, udpPort, controlUrl }));
  }

  /** The engines take the network with routes as they are used; the kernel is told of the rest. */
  #applyRoutes(): void {
    const netmap = this.#netmap;
    if (netmap === undefined || this.#closed) return;
    this.#planned = planRoutes({
      netmap,
      settings: this.#options.routes(),
      networks: ownNetworks(networkInterfaces(), this.#options.tunName),
      addresses: this.#link.addresses,
      udpPort: this.#udpPort,
    });
    this.#host?.handle({ type: 'netmap', netmap: this.#planned.netmap });
    this.#options.router.want(this.#planned.plan);
  }

  #takeState(told: LoginState): void {
    const state = told === 'Starting' && this.#isOnKept ? 'Running' : told;
    this.#state = state;
    this.#isRenewing = false; // no more: it was taken, or what served is over
    if (state === 'NeedsLogin') {
      this.#leaveNetwork();
    } else {
      this.#visit = undefined;
      this.#isLoggingIn = false;
    }
    if (state === 'Running') this.#options.health.clear('login');
    this.#onEvent({ type: 'state', state });
  }

  /**
   * Control has put us out. Peers don't take us any more, nor do relays: talking to them would only tell the
   * world that we try, and our addresses may be another machine's by now.
   */
  #leaveNetwork(): void {
    this.#stopEngine();
    this.#options.netmapFile.forget();
    if (this.#netmap === undefined) return;
    this.#endKept();
    this.#netmap = undefined;
    this.#options.router.want(NO_ROUTES);
    this.#options.tun.want([]);
    this.#options.onNetmap(undefined);
  }

  #takeRefusal(message: string, fatal: boolean): void {
    // A new login that failed is no ailment of the one that serves.
    if (!this.#isRenewing) this.#options.health.set('login', refusalSentence(message, fatal));
    if (fatal) {
      this.#isLoggingIn = false;
      this.#isRenewing = false;
      this.#visit = undefined;
    }
    this.#options.log.warn('refused by the control server', { message, fatal });
    this.#onEvent({ type: 'refused', message, fatal });
  }

  /** A key that is not on disk must not be registered: after a restart nobody would have it. */
  #takeNodeKey(nodeKey: NodePrivateKey | undefined): void {
    try {
      this.#options.file.updateLogin({ nodeKey });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#fail(error);
      return;
    }
    this.#stopEngine();
    if (nodeKey !== undefined) {
      this.#startEngine(nodeKey);
    } else {
      this.#onLoggedOut?.();
      this.#options.netmapFile.forget();
      this.#netmap = undefined;
      this.#options.router.want(NO_ROUTES);
      this.#options.tun.want([]);
      this.#options.onNetmap(undefined);
    }
  }

  /** The server has taken us: there is nothing to go back to any more. */
  #noteJoined(): void {
    const { file, log } = this.#options;
    if (file.profile.login?.joined === true) return;
    try {
      file.updateLogin({ joined: true });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      // The next netmap tries again; until then a restart would ask for a login.
      log.error('the login could not be stored', { reason: error.message });
    }
  }

  #fail(error: FileError): void {
    this.close();
    this.#options.health.set('state', error.message);
    this.#options.log.error('the session has stopped', { code: error.code, reason: error.message });
    this.#onEvent({ type: 'failed', error });
  }

  #startEngine(nodePrivateKey: NodePrivateKey): void {
    const { clock, history, log } = this.#options;
    this.#host = new EngineHost(
      {
        ...this.#options,
        staticEndpoints: this.#options.staticEndpoints(),
        hardNats: this.#options.hardNats(),
        nodePrivateKey,
        discoPrivateKey: this.#discoPrivateKey,
      },
      {
        onEndpoints: (endpoints) => this.#control.handle({ type: 'endpoints', endpoints }),
        onNetInfo: (netInfo) => {
          this.#control.handle({ type: 'net-info', netInfo });
          this.#reports?.look();
        },
        onRelayReady: () => this.#control.retry(),
        onPathChanged: (change) => {
          history.addPath(change);
          log.info('path', { peer: shortKey(change.peer), to: change.to, cause: change.cause });
        },
      },
    );
    this.#reports = new NetworkReports({
      ...{ host: this.#host, clock, history },
      onNat: (nat) => this.#control.handle({ type: 'nat-description', nat }),
      onPaths: (reports) => this.#control.handle({ type: 'path-reports', reports }),
    });
    this.#host.handle({ type: 'local-addresses', addresses: this.#link.addresses });
  }

  #stopEngine(): void {
    this.#reports?.close();
    this.#reports = undefined;
    this.#host?.close();
    this.#host = undefined;
  }
}
