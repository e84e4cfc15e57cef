/** The last path changes of all peers, for status. Bounded; oldest go first. */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import type { PathChange } from '@warren/core/path-engine/io';
import type { Clock } from '@warren/shell/clock';

/** Days of a calm network, minutes of a flapping one; a few tens of kilobytes. */
const MAX_ENTRIES = 200;

export interface DatedPathChange {
  readonly at: WallTime;
  readonly change: PathChange;
}

export class PathHistory {
  readonly #entries: DatedPathChange[] = [];

  add(change: PathChange, clock: Clock): void {
    const agoMs = clock.now() - change.at;
    this.#entries.push({ at: wallTime(clock.wall() - agoMs), change });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
  }

  get entries(): readonly DatedPathChange[] {
    return this.#entries;
  }
}
