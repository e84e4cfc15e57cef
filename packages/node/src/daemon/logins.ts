/**
 * The logins of a daemon, one after the other: at most one is a session at work.
 *
 *     Stopped --up--> (NeedsLogin -> Starting) --> Running --down--> Stopped
 *
 * What people asked for is in the profile, so a daemon that was killed comes back in the same state.
 */
import type { Logger } from '@warren/shell/log';
import type { NodeError } from '../errors.js';
import type { BackendState, LogoutReport, UpEvent, UpRequest } from '../local-api/protocol.js';
import type { TunSettings } from '../tun/tun-settings.js';
import { awaitRunning, runningEvent } from './await-running.js';
import { asksAlike, profileFor, profileLoggedOut, profileWithout } from './login.js';
import type { Profile } from './profile.js';
import type { ProfileFile } from './profile-file.js';
import { interrupted } from './sentences.js';
import type { Session, SessionEvent } from './session.js';

/** What a session logs in with. */
export interface Credentials {
  readonly authKey: string | undefined;
  /** With a new node key. */
  readonly force: boolean;
}

export interface LoginsOptions {
  readonly file: ProfileFile;
  readonly tun: TunSettings;
  readonly log: Logger;
  /** Begins to work for the profile's login. */
  readonly newSession: (
    credentials: Credentials,
    onEvent: (event: SessionEvent) => void,
  ) => Session;
}

export class Logins {
  readonly #options: LoginsOptions;
  readonly #file: ProfileFile;
  readonly #tun: TunSettings;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #session: Session | undefined;

  constructor(options: LoginsOptions) {
    this.#options = options;
    this.#file = options.file;
    this.#tun = options.tun;
  }

  /** The one at work. */
  get session(): Session | undefined {
    return this.#session;
  }

  get state(): BackendState {
    if (this.#session !== undefined) return this.#session.state;
    return this.#file.profile.login?.joined === true ? 'Stopped' : 'NeedsLogin';
  }

  /** Goes on where the last run ended, also when that was in the middle of a change of server. */
  resume(): void {
    const { profile } = this.#file;
    if (profile.previous !== undefined) this.#file.store(profileWithout(profile, profile));
    const { login, wantRunning } = this.#file.profile;
    if (wantRunning && login?.nodeKey !== undefined) {
      this.#startSession({ authKey: undefined, force: false });
    }
  }

  async up(request: UpRequest, emit: (event: UpEvent) => void, signal: AbortSignal): Promise<void> {
    const before = this.#file.profile;
    const wanted = profileFor(request, before);
    this.#file.store(wanted);
    const { authKey, forceReauth: force = false } = request;
    let session: Session | undefined;
    try {
      const isNew = this.#needsNewSession(request, before);
      if (isNew) {
        this.#stop(interrupted('another `warren up` began a new login'));
        this.#startSession({ authKey, force });
      }
      session = this.#session;
      const isRenewing = force && !isNew;
      if (isRenewing) session?.logInAnew(authKey);
      await this.#waitUntilRunning(emit, signal, isRenewing);
    } catch (error) {
      // A first join that fails leaves nothing behind that would retry in the dark. A later one is not ours.
      const isOurs = session === this.#session;
      if (isOurs && this.#file.profile.login?.joined === false) this.#goBack(before);
      else if (!asksAlike(wanted, before) && asksAlike(wanted, this.#file.profile)) {
        this.#askAsBefore(before);
      }
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

  /** The login stays; its session ends. */
  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  #needsNewSession(request: UpRequest, before: Profile): boolean {
    const session = this.#session;
    const { profile } = this.#file;
    const { login, hostName } = profile;
    if (session === undefined || session.isStuck) return true;
    if (!asksAlike(profile, before)) return true;
    if (login !== before.login || hostName !== before.hostName) return true;
    // A node that runs needs no key; scripts give it every time.
    return request.authKey !== undefined && session.state !== 'Running';
  }

  #startSession(credentials: Credentials): void {
    this.#session = this.#options.newSession(credentials, (event) => {
      if (event.type === 'failed') {
        this.#session = undefined;
        this.#tun.want([]);
      }
      for (const listener of [...this.#listeners]) listener(event);
    });
  }

  #stop(why: NodeError): void {
    const session = this.#session;
    this.#session = undefined;
    session?.end(why);
  }

  /** Tags that were refused: the node that had joined goes on without them. */
  #askAsBefore({ advertiseTags }: Profile): void {
    this.#stop(interrupted('the tags were refused'));
    this.#file.store({ ...this.#file.profile, advertiseTags });
    this.resume();
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
    this.resume();
    if (this.#session === undefined) this.#tun.want([]);
  }

  /** `isRenewing`: it runs already, and is to run with another node key. */
  async #waitUntilRunning(
    emit: (event: UpEvent) => void,
    signal: AbortSignal,
    isRenewing: boolean,
  ): Promise<void> {
    const session = this.#session;
    if (session !== undefined && (isRenewing || session.state !== 'Running')) {
      // Who comes later hears what was told before.
      emit({ event: 'state', state: session.state });
      if (session.visit !== undefined) emit({ event: 'auth-url', ...session.visit });
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
