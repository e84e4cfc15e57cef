/**
 * Machines that wait for a person, and the persons: what a machine's long poll, the approval page and the admin
 * socket have in common.
 *
 *     machine -> open -> address -> wait ......................... -> asks again, and is in
 *     person  ---------> find ----> approve (the node stands) -----^
 */
import type { Admitted, RegisterContext } from '@warren/core/control/server/admission';
import {
  type ApprovalRefusal,
  type Approver,
  approveLogin,
} from '@warren/core/control/server/approve-login';
import {
  type LoginEnding,
  type LoginId,
  type PendingLogin,
  PendingLogins,
} from '@warren/core/control/server/pending-logins';
import type { RegisterRequest } from '@warren/core/control/server/requests';
import { type MachineKey, shortKey } from '@warren/core/keys/keys';
import type { Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';
import { sourceOf } from './source-limits.js';
import type { StateStore } from './state-store.js';
import { Waiters } from './waiters.js';

/** Where the page of a login is, below the server's address. */
export const LOGIN_PATH = '/register/';

export interface LoginDeskOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: StateStore;
  /** `https://host[:port]`, as configured: what a request calls us is not looked at. */
  readonly serverUrl: string;
  readonly contextOf: (machineKey: MachineKey) => RegisterContext;
}

export class LoginDesk {
  readonly #options: LoginDeskOptions;
  readonly #logins: PendingLogins;
  readonly #timer: MachineTimer;
  readonly #waiters = new Waiters<LoginEnding>();

  constructor(options: LoginDeskOptions) {
    this.#options = options;
    this.#logins = new PendingLogins(options.random);
    this.#timer = new MachineTimer(this.#logins, options.clock, (now) => {
      this.#logins.advance(now);
      this.#drain();
    });
  }

  /** Logins that wait, and those that were rejected a moment ago. */
  get size(): number {
    return this.#logins.size;
  }

  urlOf(id: LoginId): string {
    return `${this.#options.serverUrl}${LOGIN_PATH}${id}`;
  }

  /** The login of a machine that has to be approved; undefined: its source has too many. */
  open(machineKey: MachineKey, request: RegisterRequest, source: string): PendingLogin | undefined {
    const { clock } = this.#options;
    const { size } = this.#logins;
    const place = sourceOf(source);
    const login = this.#logins.open(machineKey, request, place, clock.now(), clock.wall());
    if (login !== undefined && this.#logins.size > size) {
      this.#options.log.info('a machine waits to be let in', {
        login: login.id.slice(0, 6),
        machine: shortKey(machineKey),
        source,
      });
    }
    this.#drain();
    return login;
  }

  /** The login that a machine follows up on; undefined: it is over, or another machine's. */
  ownOf(machineKey: MachineKey, { followup, nodeKey }: RegisterRequest): PendingLogin | undefined {
    const id = followup.slice(followup.lastIndexOf('/') + 1);
    const login = id === '' ? undefined : this.find(id);
    const isOwn = login?.machineKey === machineKey && login.request.nodeKey === nodeKey;
    return isOwn ? login : undefined;
  }

  find(id: LoginId): PendingLogin | undefined {
    const login = this.#logins.find(id, this.#options.clock.now());
    this.#drain();
    return login;
  }

  /** Those that wait, oldest first. */
  list(): readonly PendingLogin[] {
    return this.#logins.list(this.#options.clock.now());
  }

  /** How a login ends; `gone` when `whileOpen` aborts first. */
  wait(id: LoginId, whileOpen: AbortSignal): Promise<LoginEnding | 'gone'> {
    return this.#waiters.wait(id, whileOpen);
  }

  /**
   * Lets the machine of a login in: its node is on disk when this resolves. Undefined: no such login waits.
   * A refusal leaves the login as it was.
   */
  async approve(id: LoginId, approver: Approver): Promise<Admitted | ApprovalRefusal | undefined> {
    const login = this.find(id);
    if (login === undefined || login.isRejected) return undefined;
    const context = this.#options.contextOf(login.machineKey);
    const result = await this.#options.store.change((state) => {
      const approved = approveLogin(state, login.request, context, approver);
      return { state: 'reason' in approved ? state : approved.state, result: approved };
    });
    if ('reason' in result) return result;
    this.#logins.end(id, 'approved');
    this.#drain();
    const machine = shortKey(login.machineKey);
    this.#options.log.info('a machine was let in', { node: result.node.id, machine });
    return result;
  }

  /** Turns the machine of a login away; undefined: no such login waits. */
  reject(id: LoginId): PendingLogin | undefined {
    const login = this.find(id);
    if (login === undefined || login.isRejected) return undefined;
    this.#logins.end(id, 'rejected');
    this.#drain();
    return login;
  }

  close(): void {
    this.#timer.close();
  }

  #drain(): void {
    for (let next = this.#logins.poll(); next !== undefined; next = this.#logins.poll()) {
      this.#waiters.end(next.id, next.ending);
    }
    this.#timer.rearm();
  }
}
