/**
 * What Warren nodes report of their paths: the present in memory, changes in the database. The past is written every
 * half minute and at the end; who reports nothing, as stock clients do, is unknown.
 */
import type { WallTime } from '@warren/core/base/instant';
import type { NodeId } from '@warren/core/control/server/state';
import type { PathReport } from '@warren/core/netmap/path-report';
import type { Logger } from '@warren/shell/log';
import type { ControlDatabase } from './database/control-database.js';
import type { PathChangeRecord } from './database/path-table.js';

/** Changes are no news that anybody waits for. */
const WRITE_DELAY_MS = 30_000;
/** Changes that wait; a network that flaps faster loses its oldest. */
const WAITING_MAX = 5_000;

export interface PresentPaths {
  readonly at: WallTime;
  readonly paths: readonly PathReport[];
}

export class PathBook {
  readonly #database: Pick<ControlDatabase, 'appendPaths' | 'readPaths'>;
  readonly #log: Logger;
  readonly #present = new Map<NodeId, PresentPaths>();
  #waiting: PathChangeRecord[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Pick<ControlDatabase, 'appendPaths' | 'readPaths'>, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  /** A node's whole report: what it doesn't name it doesn't use any more. */
  report(node: NodeId, paths: readonly PathReport[], at: WallTime): void {
    const before = new Map(this.#present.get(node)?.paths.map((path) => [path.peer, path]));
    this.#present.set(node, { at, paths });
    for (const path of paths) {
      if (!samePlace(before.get(path.peer), path)) this.#note(node, path, at);
    }
  }

  /** What a node reported last; undefined: nothing since this server started. */
  present(node: NodeId): PresentPaths | undefined {
    return this.#present.get(node);
  }

  /** Forgets the present of nodes that are gone; their past stays until it is pruned. */
  keepOnly(isThere: (node: NodeId) => boolean): void {
    for (const node of [...this.#present.keys()]) if (!isThere(node)) this.#present.delete(node);
  }

  /** The newest changes, oldest first. */
  history(limit: number): readonly PathChangeRecord[] {
    this.#write();
    return this.#database.readPaths(limit);
  }

  close(): void {
    this.#write();
    clearTimeout(this.#timer);
  }

  #note(node: NodeId, report: PathReport, at: WallTime): void {
    const { peer, path, endpoint, regionId, latencyMs } = report;
    this.#waiting.push({ node, peer, at, path, endpoint, regionId, latencyMs });
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    this.#timer ??= setTimeout(() => this.#write(), WRITE_DELAY_MS);
    this.#timer.unref();
  }

  /** A disk that is full costs the past, not the network. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changes = this.#waiting;
    this.#waiting = [];
    if (changes.length === 0) return;
    try {
      this.#database.appendPaths(changes);
    } catch (error) {
      this.#log.warn('changes of paths are not kept', { changes: changes.length, error });
    }
  }
}

function samePlace(before: PathReport | undefined, now: PathReport): boolean {
  if (before === undefined) return false;
  const { path, endpoint, regionId } = now;
  return before.path === path && before.endpoint === endpoint && before.regionId === regionId;
}
