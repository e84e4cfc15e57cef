/**
 * The latest time that this machine may have put into a WireGuard handshake, on disk.
 *
 * Peers refuse a handshake whose time is not later than that of the last one. Within a run the times only grow
 * (tai64n.ts); between two runs the clock may go back: a machine without a battery starts in its past, a person
 * sets it. Without this file its peers would refuse it until its clock has caught up.
 *
 *     0 ........ last used ........ stored = last noted + 10 min        the next run begins at `stored`
 *
 * What is stored lies ahead, so that it is written once in ten minutes of handshakes and a killed daemon has
 * used nothing later. Running ahead of the clock harms nobody: peers compare these times with each other only.
 */
import { join } from 'node:path';
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { FileError } from '@warren/shell/errors';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

const FILE_NAME = 'handshake-time';
/** A write in ten minutes is no load for an SD card; restarts advance the times by no more than this each. */
const AHEAD_MS = 10 * 60_000;
/** Written again when less than this is left: handshakes that run in the meantime are covered. */
const LEFT_MS = 60_000;

export class HandshakeTime {
  /** No handshake of this run may have a time before this. */
  readonly floor: WallTime;
  readonly #path: string;
  readonly #log: Logger;
  #stored: WallTime;
  #failed = false;

  constructor(stateDir: string, log: Logger) {
    this.#path = join(stateDir, FILE_NAME);
    this.#log = log;
    const stored = readStateFile({
      path: this.#path,
      what: 'the time of the last handshake',
      parse: parseTime,
      // At worst the clock has gone back too, and peers refuse us for that long.
      onCorrupt: 'keep-aside',
    });
    this.floor = stored ?? wallTime(0);
    this.#stored = this.floor;
  }

  /** A handshake took this time, or one a little later. */
  note(time: WallTime): void {
    if (time + LEFT_MS <= this.#stored) return;
    const next = wallTime(time + AHEAD_MS);
    try {
      writeFileAtomic(this.#path, `${new Date(next).toISOString()}\n`);
      this.#stored = next;
      this.#failed = false;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      // Handshakes matter more than the next start's; the next one tries again.
      if (!this.#failed) this.#log.warn('not stored', { reason: error.message });
      this.#failed = true;
    }
  }
}

function parseTime(text: string): WallTime | undefined {
  const time = Date.parse(text.trimEnd());
  return Number.isNaN(time) || time < 0 ? undefined : wallTime(time);
}
