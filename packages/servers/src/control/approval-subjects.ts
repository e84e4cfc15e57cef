/**
 * What a person can let in with an approval code on a page of the hub.
 *
 *     /register/ID     a machine that waits for its login
 *     /ssh-check/ID    an SSH session that a rule holds; the code is one of the user that the session's machine belongs to
 */
import { asDisplayText } from '@warren/core/base/json';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { requestedTags } from '@warren/core/control/server/admission';
import type { ApprovalRefusal } from '@warren/core/control/server/approve-login';
import { fullName } from '@warren/core/control/server/names';
import type { PendingLogin } from '@warren/core/control/server/pending-logins';
import { keyFingerprint } from '@warren/core/keys/fingerprint';
import type { SshCheckAdmin } from './admin-ssh-checks.js';
import {
  approvalForm,
  approvedPage,
  type FormFields,
  type MachineCard,
  sessionApprovedPage,
  sessionForm,
} from './approval-html.js';
import { LOGIN_PATH, type LoginDesk } from './login-desk.js';
import { SSH_CHECK_PATH, type SshDesk } from './ssh-desk.js';

const TEXT_MAX = 128;

export type Approval = { readonly page: string; readonly detail: object } | ApprovalRefusal;

export interface ApprovalSubject {
  readonly id: string;
  /** The same for the same thing: wrong codes are counted by it. */
  readonly identity: object;
  /** How the audit log calls its approval. */
  readonly action: string;
  form(fields: FormFields): string;
  /** Undefined: it is over. */
  approve(code: string): Promise<Approval | undefined>;
  reject(): void;
}

export interface ApprovalKind {
  /** Before the id. */
  readonly path: string;
  /** Undefined: nothing waits under this id. */
  find(id: string): ApprovalSubject | undefined;
}

export function loginApprovals(desk: LoginDesk, baseDomain: string): ApprovalKind {
  return {
    path: LOGIN_PATH,
    find(id) {
      const login = desk.find(id);
      if (login === undefined || login.isRejected) return undefined;
      return {
        ...{ id: login.id, identity: login, action: 'approveLogin' },
        form: (fields) => approvalForm(cardOf(login), fields),
        async approve(code) {
          const outcome = await desk.approve(login.id, { type: 'code', code });
          if (outcome === undefined || 'reason' in outcome) return outcome;
          const { node } = outcome;
          const name = fullName(node.label, baseDomain).replace(/\.$/, '');
          return { page: approvedPage(name), detail: { node: node.id } };
        },
        reject: () => desk.reject(login.id),
      };
    },
  };
}

export function sshApprovals(desk: SshDesk, admin: SshCheckAdmin): ApprovalKind {
  return {
    path: SSH_CHECK_PATH,
    find(id) {
      const check = desk.find(id);
      if (check === undefined) return undefined;
      const { user, source, target, localUser, createdAt } = admin.info(check);
      return {
        ...{ id: check.id, identity: check, action: 'approveSshCheck' },
        form: (fields) =>
          sessionForm({ user, source, target, localUser, askedAt: createdAt }, fields),
        async approve(code) {
          const outcome = await desk.approveByCode(check.id, code);
          if (outcome !== 'approved') return outcome;
          return { page: sessionApprovedPage(), detail: { source, target, localUser } };
        },
        reject: () => desk.decide(check.id, false),
      };
    },
  };
}

function cardOf({ request, source, createdAt }: PendingLogin): MachineCard {
  const info = request.host?.hostInfo ?? {};
  const os = [info['OS'], info['OSVersion']].map((text) => asDisplayText(text, TEXT_MAX));
  return {
    hostName: request.host?.hostName ?? '',
    os: os.filter((text) => text !== '').join(' '),
    fingerprint: keyFingerprint(request.nodeKey),
    source,
    askedAt: formatRfc3339(createdAt),
    tags: requestedTags(request),
  };
}
