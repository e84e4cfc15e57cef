/**
 * The node: owns the data plane, the login and its session, and answers the local API.
 *
 *     Stopped --up--> (NeedsLogin -> Starting) --> Running --down--> Stopped
 *
 * What people asked for is in the profile, so a daemon that was killed comes back in the same state.
 */
import { hostname } from 'node:os';
import { parseAuthKey } from '@warren/core/control/auth-key';
import type { UpMessage } from '@warren/core/engines/messages';
import { prefixAddress } from '@warren/core/ip/prefix';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { NodeError } from '../errors.js';
import { type LinkState, LinkWatcher } from '../link/link-watcher.js';
import type {
  BackendState,
  PingLine,
  PingRequest,
  StatusReport,
  UpEvent,
  UpRequest,
} from '../local-api/protocol.js';
import type { LocalApiBackend } from '../local-api/server.js';
import { Plane } from '../plane/plane.js';
import { deconfigureTun, TUN_MTU_BYTES } from '../tun/configure-linux.js';
import { checkUdpPort } from '../udp/check-port.js';
import { fullName } from './find-peer.js';
import { Health } from './health.js';
import { PathHistory } from './history.js';
import { pingPeer } from './ping.js';
import { ProfileFile } from './profile-file.js';
import { Session, type SessionEvent } from './session.js';
import { buildStatus } from './status.js';

export interface DaemonOptions {
  readonly version: string;
  readonly stateDir: string;
  readonly tunName: string;
  readonly listenPort: number;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** The data plane died or a person asked for the end. */
  readonly onEnd: (error: Error | undefined) => void;
}

export class Daemon implements LocalApiBackend {
  readonly #options: DaemonOptions;
  readonly #file: ProfileFile;
  readonly #plane: Plane;
  readonly #watcher: LinkWatcher;
  readonly #health = new Health();
  readonly #history = new PathHistory();
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #link: LinkState = { addresses: [], defaultRoute: '' };
  #session: Session | undefined;

  private constructor(options: DaemonOptions, file: ProfileFile, plane: Plane) {
    this.#options = options;
    this.#file = file;
    this.#plane = plane;
    this.#watcher = new LinkWatcher(options.tunName, (link) => {
      options.log.info('link changed', { addresses: link.addresses });
      this.#link = link;
      this.#session?.linkChanged(link);
    });
  }

  /** Opens everything; resumes the login of the last run when it was up. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const file = new ProfileFile(options.stateDir, options.random);
    await checkUdpPort(options.listenPort);
    // The plane speaks before the daemon around it exists.
    const receiver: { daemon?: Daemon } = {};
    const plane = await Plane.start(
      { tunName: options.tunName, mtuBytes: TUN_MTU_BYTES },
      {
        onUp: (message: UpMessage) => receiver.daemon?.onUp(message),
        onFailed: (error) => options.onEnd(error),
      },
    );
    const daemon = new Daemon(options, file, plane);
    receiver.daemon = daemon;
    daemon.#link = await daemon.#watcher.start();
    const { wantRunning, loginServer, nodeKey } = file.profile;
    if (wantRunning && loginServer !== undefined && nodeKey !== undefined) {
      daemon.#startSession(loginServer, undefined);
    }
    return daemon;
  }

  onUp(message: UpMessage): void {
    this.#session?.onUp(message);
  }

  async close(): Promise<void> {
    this.#session?.close();
    this.#session = undefined;
    this.#watcher.close();
    await this.#plane.stop();
  }

  async up(request: UpRequest, emit: (event: UpEvent) => void, signal: AbortSignal): Promise<void> {
    const loginServer = this.#prepareLogin(request);
    const joinedBefore = this.#file.profile.nodeKey !== undefined;
    if (this.#session === undefined || request.authKey !== undefined || isNewLogin(request)) {
      this.#session?.close();
      this.#startSession(loginServer, request.authKey);
    }
    try {
      await this.#waitUntilRunning(emit, signal, joinedBefore);
    } catch (error) {
      // A first join that fails leaves nothing behind that would retry in the dark.
      if (this.#file.profile.nodeKey === undefined) await this.down();
      throw error;
    }
  }

  async down(): Promise<void> {
    this.#file.update({ wantRunning: false });
    if (this.#session === undefined) return;
    this.#session.close();
    this.#session = undefined;
    await deconfigureTun(this.#options.tunName).catch((error: unknown) =>
      this.#options.log.warn('TUN device not taken down', { error }),
    );
  }

  async status(): Promise<StatusReport> {
    const { clock, version } = this.#options;
    const session = this.#session;
    const { profile } = this.#file;
    await session?.host?.refreshCounters();
    const now = clock.now();
    const engine = session?.host?.engine.status(now);
    return buildStatus({
      version,
      state: this.#state(),
      loginServer: profile.loginServer,
      authUrl: session?.authUrl,
      netmap: session?.netmap,
      endpoints: engine?.endpoints ?? [],
      homeRegion: engine?.homeRegion,
      udpPort: engine?.udpPort,
      paths: new Map(engine?.peers.map((peer) => [peer.peer, peer])),
      health: this.#health.sentences,
      history: this.#history.entries,
      counters: engine?.counters ?? {},
      now,
      wallNow: clock.wall(),
    });
  }

  async ping(
    request: PingRequest,
    emit: (line: PingLine) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { host, netmap } = this.#session ?? {};
    if (host === undefined || netmap === undefined) throw notRunning(this.#state());
    await pingPeer({ host, netmap, request, emit, signal });
  }

  shutdown(): void {
    this.#options.onEnd(undefined);
  }

  #state(): BackendState {
    if (this.#session !== undefined) return this.#session.state;
    return this.#file.profile.nodeKey === undefined ? 'NeedsLogin' : 'Stopped';
  }

  /** Checks the request and stores what the login needs; answers the server to use. */
  #prepareLogin(request: UpRequest): string {
    const { profile } = this.#file;
    const loginServer = request.loginServer ?? profile.loginServer;
    if (loginServer === undefined) {
      throw new NodeError(
        'LOGIN_SERVER_MISSING',
        'this node has never joined a network',
        'give --login-server https://HOST and --auth-key KEY, as the hub printed them',
      );
    }
    const key = request.authKey === undefined ? undefined : parseAuthKey(request.authKey);
    const isOtherServer = loginServer !== profile.loginServer;
    this.#file.update({
      loginServer,
      wantRunning: true,
      pins: key?.pins ?? (isOtherServer ? undefined : profile.pins),
      nodeKey: isOtherServer ? undefined : profile.nodeKey,
      hostName: request.hostName ?? profile.hostName,
    });
    return loginServer;
  }

  #startSession(loginServer: string, authKey: string | undefined): void {
    const { profile } = this.#file;
    this.#session = new Session(
      {
        ...this.#options,
        plane: this.#plane,
        file: this.#file,
        loginServer,
        hostName: profile.hostName ?? hostname(),
        authKey,
        link: this.#link,
        health: this.#health,
        history: this.#history,
      },
      (event) => {
        for (const listener of [...this.#listeners]) listener(event);
      },
    );
  }

  #waitUntilRunning(
    emit: (event: UpEvent) => void,
    signal: AbortSignal,
    joinedBefore: boolean,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        this.#listeners.delete(listener);
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = (): void => finish();
      const listener = (event: SessionEvent): void => {
        switch (event.type) {
          case 'state':
            emit({ event: 'state', state: event.state });
            if (event.state === 'Running') {
              this.#emitRunning(emit);
              finish();
            }
            break;
          case 'auth-url':
            emit({ event: 'auth-url', url: event.url });
            break;
          case 'refused':
            if (event.fatal) finish(refused(event.message));
            else emit({ event: 'progress', message: `the control server says: ${event.message}` });
            break;
          case 'trouble':
            // A node that is joined already goes on trying, as after a reboot of the hub.
            if (joinedBefore) emit({ event: 'progress', message: event.error.message });
            else finish(event.error);
            break;
        }
      };
      this.#listeners.add(listener);
      signal.addEventListener('abort', onAbort);
      if (this.#session?.state === 'Running') {
        this.#emitRunning(emit);
        finish();
      }
    });
  }

  #emitRunning(emit: (event: UpEvent) => void): void {
    const self = this.#session?.netmap?.self;
    if (self === undefined) return;
    emit({ event: 'running', name: fullName(self), addresses: self.addresses.map(prefixAddress) });
  }
}

function isNewLogin(request: UpRequest): boolean {
  return request.loginServer !== undefined || request.hostName !== undefined;
}

function refused(message: string): NodeError {
  return new NodeError(
    'LOGIN_REFUSED',
    `the control server refused this node: ${message}`,
    'make a new key on the hub with `warren control keys create` and join with it',
  );
}

function notRunning(state: BackendState): NodeError {
  return new NodeError(
    'NOT_RUNNING',
    `this node is not connected to its network (${state})`,
    'run `warren up`; `warren status` says what it waits for',
  );
}
