/**
 * Where a control server's state lasts. SQLite stands behind it today; what several servers on one database
 * would need is in docs/adr/0003-one-state-one-writer.md.
 */
import type { ControlState, TailnetId } from '@warren/core/control/server/state';
import type { StateChanges } from '@warren/core/control/server/state-changes';
import type { AuditRecord, NumberedAuditRecord } from './audit-table.js';
import type { PathChangeRecord } from './path-table.js';
import type { StoredPolicy } from './policy-table.js';
import type { ApiTokenRecord } from './token-table.js';

/** Goes up by one with each write. */
export type Revision = number;

export interface StoredState {
  readonly state: ControlState;
  readonly revision: Revision;
}

export interface ControlDatabase {
  /** What was there when it was opened. */
  readonly stored: StoredState;
  /** Makes all of the changes durable, or none and throws FileError. */
  write(changes: StateChanges): Revision;
  /** Adds to the history of paths, which is no part of the state; its oldest go. Throws FileError. */
  appendPaths(changes: readonly PathChangeRecord[]): void;
  /** The newest `limit` changes of paths, oldest first. */
  readPaths(limit: number): readonly PathChangeRecord[];
  /** The policy that a tailnet had last. */
  readPolicy(tailnet: TailnetId): StoredPolicy | undefined;
  /** Undefined: it has none. Throws FileError. */
  writePolicy(tailnet: TailnetId, policy: StoredPolicy | undefined): void;
  /** Tokens of the admin API, the oldest first. */
  readTokens(): readonly ApiTokenRecord[];
  /** Adds it or puts it in place of the one with its id. Throws FileError. */
  writeToken(token: ApiTokenRecord): void;
  /** Throws FileError. */
  deleteTokens(ids: readonly string[]): void;
  /** Adds to the list of who did what; its oldest entries go. Throws FileError. */
  appendAudit(entry: AuditRecord): void;
  /** The newest `limit` before number `before` (undefined: of all), the newest first. */
  readAudit(limit: number, before: number | undefined): readonly NumberedAuditRecord[];
  /** Writes a whole copy of the present state to a new file. Throws FileError. */
  backup(file: string): void;
  close(): void;
}
