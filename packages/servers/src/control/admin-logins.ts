/**
 * What an operator can do about machines that wait for a person: list them, let them in as somebody, turn them
 * away, and make codes with which others let them in on the approval page.
 */

import { wallTime } from '@warren/core/base/instant';
import { asDisplayText } from '@warren/core/base/json';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { formatApprovalCode } from '@warren/core/control/approval-code';
import { requestedTags } from '@warren/core/control/server/admission';
import type { ApprovalRefusal } from '@warren/core/control/server/approve-login';
import { createApprovalCode } from '@warren/core/control/server/auth-keys';
import { loginLifeMs, type PendingLogin } from '@warren/core/control/server/pending-logins';
import type { NodeRecord } from '@warren/core/control/server/state';
import { keyFingerprint } from '@warren/core/keys/fingerprint';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { ControlError } from '../errors.js';
import { authKeyInfo } from './admin-infos.js';
import { checkKeyOrder, checkUserNames, TAILNET, USER_DEFAULT } from './admin-input.js';
import type { AuthKeyRequest, CreatedCodeInfo, LoginInfo } from './admin-types.js';
import type { LoginDesk } from './login-desk.js';
import type { StateStore } from './state-store.js';

/** Of what a machine says of its system. */
const TEXT_MAX = 64;

export interface LoginAdminOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly store: StateStore;
  readonly baseDomain: string;
  readonly desk: LoginDesk;
}

export class LoginAdmin {
  readonly #options: LoginAdminOptions;

  constructor(options: LoginAdminOptions) {
    this.#options = options;
  }

  /** Machines that wait, the one that waits longest first. */
  list(): readonly LoginInfo[] {
    return this.#options.desk.list().map((login) => this.#info(login));
  }

  /** Lets a machine in; its node is there when this resolves. */
  async approve(id: string, user: string = USER_DEFAULT): Promise<NodeRecord> {
    const { desk, baseDomain } = this.#options;
    const names = checkUserNames(user, baseDomain, undefined);
    const outcome = await desk.approve(id, { type: 'operator', tailnet: TAILNET, ...names });
    if (outcome === undefined) throw unknownLogin(id);
    if ('reason' in outcome) throw refused(outcome, names.loginName);
    return outcome.node;
  }

  /** Turns a machine away: it is told so, and has to begin again. */
  reject(id: string): LoginInfo {
    const login = this.#options.desk.reject(id);
    if (login === undefined) throw unknownLogin(id);
    return this.#info(login);
  }

  /** Makes a code for the approval page: whoever has it lets a machine in, as the user of the code. */
  createCode(request: AuthKeyRequest = {}): Promise<CreatedCodeInfo> {
    const { crypto, random, clock, store, baseDomain } = this.#options;
    return store.change((state) => {
      const wall = clock.wall();
      const order = checkKeyOrder(request, baseDomain, wall);
      const created = createApprovalCode(state, order, crypto, random, wall);
      if (created === undefined) throw keysFull();
      const info = authKeyInfo(created.state, created.record, wall);
      return { state: created.state, result: { ...info, code: formatApprovalCode(created.code) } };
    });
  }

  #info(login: PendingLogin): LoginInfo {
    const { request, id, source, createdAt } = login;
    return {
      id,
      url: this.#options.desk.urlOf(id),
      hostName: request.host?.hostName ?? '',
      os: asDisplayText(request.host?.hostInfo['OS'], TEXT_MAX),
      fingerprint: keyFingerprint(request.nodeKey),
      source,
      tags: requestedTags(request),
      createdAt: formatRfc3339(createdAt),
      expiresAt: formatRfc3339(wallTime(createdAt + loginLifeMs)),
    };
  }
}

export function keysFull(): ControlError {
  return new ControlError(
    'AUTH_KEYS_FULL',
    'this server keeps as many auth keys and approval codes as it can',
    'Use reusable ones instead of many that are good once.',
  );
}

function unknownLogin(id: string): ControlError {
  return new ControlError(
    'LOGIN_UNKNOWN',
    `no machine waits under ${JSON.stringify(id.slice(0, TEXT_MAX))}`,
    'List those that do with `warren control logins list`; each waits for 15 minutes.',
  );
}

function refused({ reason, text }: ApprovalRefusal, loginName: string): ControlError {
  return reason === 'tags'
    ? new ControlError(
        'TAGS_NOT_PERMITTED',
        `${loginName} may not give that machine its tags: ${text}`,
        'Name the user among the owners of the tag in the policy, or start the login without tags and tag the machine with `warren control nodes tag`.',
      )
    : new ControlError('LOGIN_FAILED', text, 'Start the login on the machine again.');
}
