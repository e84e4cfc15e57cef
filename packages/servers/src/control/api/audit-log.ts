/**
 * Who changed what: every operation that changes something or copies secrets, whoever asked for it and whatever came
 * of it, and approvals on the page. Written after the operation: what can't be written is in the server's log.
 */
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import type { AuditInfo } from '../admin-types.js';
import type { AuditRecord } from '../database/audit-table.js';
import type { ControlDatabase } from '../database/control-database.js';

/** Of one answer. */
export const auditAnswerMax = 1000;
const ANSWER_DEFAULT = 100;
/** Of what was asked for; a policy is cut. */
const DETAIL_MAX = 512;
const TARGET_MAX = 128;

export interface AuditLogOptions {
  readonly database: Pick<ControlDatabase, 'appendAudit' | 'readAudit'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class AuditLog {
  readonly #options: AuditLogOptions;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  record(entry: Omit<AuditRecord, 'at'>): void {
    const { database, clock, log } = this.#options;
    const target = entry.target.slice(0, TARGET_MAX);
    const detail = entry.detail.slice(0, DETAIL_MAX);
    try {
      database.appendAudit({ ...entry, target, detail, at: clock.wall() });
    } catch (error) {
      log.error('an entry of the audit log could not be written', { ...entry, detail, error });
    }
  }

  /** The newest first; `before`: those with a lower number. */
  list(limit: number = ANSWER_DEFAULT, before?: number): readonly AuditInfo[] {
    return this.#options.database
      .readAudit(Math.min(limit, auditAnswerMax), before)
      .map((entry) => ({ ...entry, at: formatRfc3339(entry.at) }));
  }
}
