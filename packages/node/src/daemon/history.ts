/**
 * Dated changes of paths and of the NAT's class with their causes, for `status` and `why`: bounded, the oldest go
 * first, and kept over restarts.
 *
 * It is written a minute after a change at the earliest, and at the end: what a killed daemon loses is a minute
 * of history, and no change of a flapping path costs a write.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type WallTime, wallTime } from '@warren/core/base/instant';
import type { Path } from '@warren/core/engines/paths';
import type { NatClass } from '@warren/core/netmap/nat-description';
import type { PathChange } from '@warren/core/path-engine/io';
import type { Clock } from '@warren/shell/clock';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';
import {
  formatHistory,
  type HistoryRecord,
  historyMax,
  type PastPath,
  parseHistory,
} from './history-records.js';

const FILE_NAME = 'history.json';
const WRITE_DELAY_MS = 60_000;
/** A change of class this long after a change of network has that for its cause: a check takes 5 s. */
const LINK_CAUSE_MS = 30_000;

function past(path: Path | undefined): PastPath | undefined {
  if (path === undefined || path.kind === 'relay') return path;
  return { kind: 'direct', remote: path.remote };
}

export class History {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #records: HistoryRecord[];
  #linkChangedAt: WallTime | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Loads what earlier runs left; a damaged file is kept aside under another name. */
  constructor(stateDir: string, clock: Clock, log: Logger) {
    this.#path = join(stateDir, FILE_NAME);
    this.#clock = clock;
    this.#log = log;
    this.#records = [...this.#load()];
  }

  /** Oldest first. */
  get records(): readonly HistoryRecord[] {
    return this.#records;
  }

  addPath(change: PathChange): void {
    const { peer, cause } = change;
    const agoMs = this.#clock.now() - change.at;
    const at = wallTime(Math.round(this.#clock.wall() - agoMs));
    const [from, to] = [past(change.from), past(change.to)];
    this.#add({ kind: 'path', at, peer, from, to, cause });
  }

  /** Our network is another one: what is measured next has that for its cause. */
  linkChanged(): void {
    this.#linkChangedAt = this.#clock.wall();
  }

  /** What the NAT is called now; the same as before is no change. */
  natIs(to: NatClass): void {
    const from = this.#latestClass();
    if (from === to) return;
    const at = this.#clock.wall();
    const isMoved = this.#linkChangedAt !== undefined && at - this.#linkChangedAt < LINK_CAUSE_MS;
    const cause = isMoved ? 'link-changed' : from === undefined ? 'first-check' : 'measured-anew';
    this.#add({ kind: 'nat', at, from, to, cause });
  }

  /** Writes what is not written yet. */
  close(): void {
    if (this.#timer !== undefined) this.#write();
  }

  #latestClass(): NatClass | undefined {
    for (const record of this.#records.toReversed()) if (record.kind === 'nat') return record.to;
    return undefined;
  }

  #add(record: HistoryRecord): void {
    this.#records.push(record);
    if (this.#records.length > historyMax) this.#records.shift();
    this.#timer ??= setTimeout(() => this.#write(), WRITE_DELAY_MS);
    this.#timer.unref();
  }

  #load(): readonly HistoryRecord[] {
    const isThere = existsSync(this.#path);
    const records = this.#tryTo(() =>
      readStateFile({
        path: this.#path,
        what: 'the history of paths',
        parse: parseHistory,
        onCorrupt: 'keep-aside',
      }),
    );
    if (isThere && records === undefined) {
      this.#log.warn('the history begins anew: its file could not be read', { file: this.#path });
    }
    return records ?? [];
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tryTo(() => writeFileAtomic(this.#path, formatHistory(this.#records)));
  }

  /** Nothing depends on the past: what can't be read or written is told in the log. */
  #tryTo<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn('the history is not kept', { reason });
      return undefined;
    }
  }
}
