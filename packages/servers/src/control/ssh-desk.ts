/**
 * SSH sessions that a policy lets in after a check: what the target machine asks, and what an operator says.
 *
 *     target -> action        accept: the rule says so, or a person did within its period
 *                             reject: no rule (any more)
 *                             hold: a message for who waits, and where to ask next, with the check's id
 *     target -> action, id    answered when a person has decided, or the check's time is over
 */
import { type ApprovalRefusal, spendCode } from '@warren/core/control/server/approve-login';
import type { SshCheck, SshCheckEnding } from '@warren/core/control/server/ssh-checks';
import { SshChecks, type SshSubject } from '@warren/core/control/server/ssh-checks';
import type { NodeId } from '@warren/core/control/server/state';
import type { MachineKey } from '@warren/core/keys/keys';
import type { WireSshAction } from '@warren/core/netmap/wire';
import type { CheckPeriod, SshRule } from '@warren/core/policy/policy';
import { SSH_ACCEPT, SSH_CHECK_URL } from '@warren/core/policy/ssh-rules';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';
import type { StateStore } from './state-store.js';
import { Waiters } from './waiters.js';

/** As Unix systems have them, and then some. */
const LOCAL_USER_MAX = 128;
const AUTH_ID = '&auth_id=';
/** Before a check's id, in the address of its page. */
export const SSH_CHECK_PATH = '/ssh-check/';

export interface SshDeskOptions {
  readonly crypto: Crypto;
  readonly serverUrl: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: StateStore;
  /** The rule by which a machine may log in on another one; undefined: it may not. */
  readonly sshRule: (source: NodeId, target: NodeId, localUser: string) => SshRule | undefined;
}

/** What a target machine asks. */
export interface SshQuestion {
  readonly source: NodeId;
  readonly target: NodeId;
  readonly localUser: string;
  /** Of the hold before; undefined: this is the first question. */
  readonly checkId: string | undefined;
}

export class SshDesk {
  readonly #options: SshDeskOptions;
  readonly #checks: SshChecks;
  readonly #timer: MachineTimer;
  readonly #waiters = new Waiters<SshCheckEnding>();

  constructor(options: SshDeskOptions) {
    this.#options = options;
    this.#checks = new SshChecks(options.random);
    this.#timer = new MachineTimer(this.#checks, options.clock, (now) => {
      this.#checks.advance(now);
      this.#drain();
    });
  }

  /** True when the machine may ask about sessions on `target`. */
  isTarget(target: NodeId, machineKey: MachineKey): boolean {
    const node = this.#options.store.state.nodes.get(target);
    return node?.kind === 'machine' && node.machineKey === machineKey;
  }

  /** The next step of a session; undefined: nobody waits for it any more. */
  async action(question: SshQuestion, whileOpen: AbortSignal): Promise<WireSshAction | undefined> {
    const { clock, log, store } = this.#options;
    const { source, target, localUser } = question;
    const sourceKey = store.state.nodes.get(source)?.nodeKey;
    const isName = localUser !== '' && localUser.length <= LOCAL_USER_MAX;
    if (sourceKey === undefined || !isName) return rejection('There is no such session.');
    const subject = { source, sourceKey, target, localUser };
    const asked = question.checkId === undefined ? undefined : this.find(question.checkId);
    if (asked !== undefined) {
      if (!isSame(asked, subject)) return rejection('This check is of another session.');
      const ending = await this.#waiters.wait(asked.id, whileOpen);
      if (ending === 'gone') return undefined;
      if (ending !== 'approved') return rejection(WORDS[ending]);
      // The yes was to a rule, which may be gone by now.
      const isStill = this.#options.sshRule(source, target, localUser) !== undefined;
      return isStill ? SSH_ACCEPT : rejection(NO_RULE);
    }
    const rule = this.#options.sshRule(source, target, localUser);
    if (rule === undefined) return rejection(NO_RULE);
    if (rule.action === 'accept' || this.#isApproved(subject, rule.checkPeriod)) return SSH_ACCEPT;
    const check = this.#checks.open(subject, clock.now(), clock.wall());
    this.#drain();
    if (check === undefined) return rejection('Too many sessions wait for a check; try later.');
    log.info('an SSH session waits for a check', { check: check.id.slice(0, 6), source, target });
    return hold(check, `${this.#options.serverUrl}${SSH_CHECK_PATH}${check.id}`);
  }

  /** Those that wait, oldest first. */
  list(): readonly SshCheck[] {
    return this.#checks.list(this.#options.clock.now());
  }

  /** An operator's word; undefined: no such check waits. */
  decide(id: string, isApproved: boolean): SshCheck | undefined {
    const check = this.#checks.decide(id, isApproved, this.#options.clock.now());
    if (check !== undefined) {
      const { source, target, localUser } = check;
      this.#options.log.info('an SSH session was decided', {
        ...{ isApproved, source, target, localUser },
      });
    }
    this.#drain();
    return check;
  }

  /** The word of somebody with an approval code of the user whose machine asks; undefined: no such check waits. */
  async approveByCode(id: string, code: string): Promise<'approved' | ApprovalRefusal | undefined> {
    const check = this.find(id);
    if (check === undefined) return undefined;
    const { store, crypto, clock } = this.#options;
    const outcome = await store.change((state) => {
      const from = state.nodes.get(check.source);
      // Nobody's code is for machines with tags, whose user is 0.
      const spent =
        from === undefined || from.tags.length > 0
          ? {
              reason: 'owner' as const,
              text: 'its machine is nobody’s: only an operator lets it in',
            }
          : spendCode(state, code, from.userId, { crypto, wall: clock.wall() });
      return 'reason' in spent
        ? { state, result: spent }
        : { state: spent.state, result: undefined };
    });
    if (outcome !== undefined) return outcome;
    return this.decide(id, true) === undefined ? undefined : 'approved';
  }

  close(): void {
    this.#timer.close();
  }

  /** The one that waits under an id. */
  find(id: string): SshCheck | undefined {
    const check = this.#checks.find(id, this.#options.clock.now());
    this.#drain();
    return check;
  }

  #isApproved(subject: SshSubject, period: CheckPeriod): boolean {
    if (period === 'always') return false;
    return this.#checks.isApproved(subject, period.ms, this.#options.clock.now());
  }

  #drain(): void {
    for (let next = this.#checks.poll(); next !== undefined; next = this.#checks.poll()) {
      this.#waiters.end(next.id, next.ending);
    }
    this.#timer.rearm();
  }
}

const NO_RULE = 'The policy does not let you in here under this name.';
const WORDS: Readonly<Record<Exclude<SshCheckEnding, 'approved'>, string>> = {
  rejected: 'An operator of the network said no.',
  expired: 'Nobody said yes within 15 minutes.',
};

function isSame(check: SshCheck, subject: SshSubject): boolean {
  return (Object.keys(subject) as (keyof SshSubject)[]).every((key) => check[key] === subject[key]);
}

function rejection(text: string): WireSshAction {
  return { reject: true, message: `${text}\r\n` };
}

function hold(check: SshCheck, url: string): WireSshAction {
  return {
    message: [
      '# This session waits for a yes: yours, with an approval code, at',
      `#     ${url}`,
      '# or that of an operator of the network:',
      `#     warren control ssh-checks approve ${check.id}`,
      '',
    ].join('\r\n'),
    holdAndDelegate: `${SSH_CHECK_URL}${AUTH_ID}${check.id}`,
  };
}
