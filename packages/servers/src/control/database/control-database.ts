/**
 * Where a control server's state lasts. SQLite stands behind it today; what several servers on one database
 * would need is in docs/adr/0003-one-state-one-writer.md.
 */
import type { ControlState, TailnetId } from '@warren/core/control/server/state';
import type { StateChanges } from '@warren/core/control/server/state-changes';
import type { PathChangeRecord } from './path-table.js';
import type { StoredPolicy } from './policy-table.js';

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
  /** Writes a whole copy of the present state to a new file. Throws FileError. */
  backup(file: string): void;
  close(): void;
}
