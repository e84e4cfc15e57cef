/** What an operator does about SSH sessions that wait for a yes. */
import { wallTime } from '@warren/core/base/instant';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { fullName } from '@warren/core/control/server/names';
import { type SshCheck, sshCheckLifeMs } from '@warren/core/control/server/ssh-checks';
import type { NodeId } from '@warren/core/control/server/state';
import { ControlError } from '../errors.js';
import { loginNameOf } from './admin-infos.js';
import type { SshCheckInfo } from './admin-types.js';
import type { SshDesk } from './ssh-desk.js';
import type { StateStore } from './state-store.js';

/** Of an id that is none. */
const SHOWN_MAX = 64;

export interface SshCheckAdminOptions {
  readonly store: StateStore;
  readonly baseDomain: string;
  readonly sshDesk: SshDesk;
}

export class SshCheckAdmin {
  readonly #options: SshCheckAdminOptions;

  constructor(options: SshCheckAdminOptions) {
    this.#options = options;
  }

  /** Sessions that wait, the one that waits longest first. */
  list(): readonly SshCheckInfo[] {
    return this.#options.sshDesk.list().map((check) => this.info(check));
  }

  /** Lets a session begin, and others like it for as long as the policy says; or turns it away. */
  decide(id: string, isApproved: boolean): SshCheckInfo {
    const check = this.#options.sshDesk.decide(id, isApproved);
    if (check !== undefined) return this.info(check);
    throw new ControlError(
      'SSH_CHECK_UNKNOWN',
      `no SSH session waits under ${JSON.stringify(id.slice(0, SHOWN_MAX))}`,
      'List those that do with `warren control ssh-checks list`; each waits for 15 minutes.',
    );
  }

  info({ id, source, target, localUser, createdAt }: SshCheck): SshCheckInfo {
    const { state } = this.#options.store;
    const from = state.nodes.get(source);
    return {
      id,
      source: this.#nameOf(source),
      user: from === undefined ? '' : loginNameOf(state, from),
      target: this.#nameOf(target),
      localUser,
      createdAt: formatRfc3339(createdAt),
      expiresAt: formatRfc3339(wallTime(createdAt + sshCheckLifeMs)),
    };
  }

  #nameOf(id: NodeId): string {
    const node = this.#options.store.state.nodes.get(id);
    return node === undefined
      ? `node ${id}`
      : fullName(node.label, this.#options.baseDomain).replace(/\.$/, '');
  }
}
