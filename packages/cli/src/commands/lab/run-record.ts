/**
 * What a run over cells has found so far, and what it goes on with. With a file (`--resume`) everything found is in it
 * at once, so that a run which is cut off loses the cells that were running and no more.
 */
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { MatrixCell } from '@warren/sim/matrix/cell';
import type { RunFacts } from '@warren/sim/matrix/report';
import { readCheckout } from '@warren/sim/run/current-commit';
import { CliError } from '../../errors.js';

/** It is a report, for everybody. */
const REPORT_MODE = 0o644;

interface OfCell {
  readonly from: string;
  readonly to: string;
}

export interface RunRecordOptions<Entry extends OfCell, Report extends RunFacts> {
  /** Undefined: nothing is kept, and nothing gone on with. */
  readonly path: string | undefined;
  readonly world: 'lab' | 'sim';
  /** All that there are, in their order. */
  readonly cells: readonly MatrixCell[];
  readonly entriesOf: (report: Report) => readonly Entry[];
  readonly reportOf: (entries: readonly Entry[], facts: RunFacts) => Report;
}

export class RunRecord<Entry extends OfCell, Report extends RunFacts> {
  readonly #options: RunRecordOptions<Entry, Report>;
  readonly #inOrder: (entries: readonly Entry[]) => readonly Entry[];
  readonly #facts: Omit<RunFacts, 'durationMs'>;
  readonly #startedAt = performance.now();
  readonly #entries = new Map<string, Entry>();

  private constructor(
    options: RunRecordOptions<Entry, Report>,
    facts: Omit<RunFacts, 'durationMs'>,
    inOrder: (entries: readonly Entry[]) => readonly Entry[],
  ) {
    this.#options = options;
    this.#facts = facts;
    this.#inOrder = inOrder;
  }

  /** Throws SYSTEM or USAGE where there is a file that nobody can go on with. */
  static async open<Entry extends OfCell, Report extends RunFacts>(
    options: RunRecordOptions<Entry, Report>,
  ): Promise<RunRecord<Entry, Report>> {
    const { path, world, cells, entriesOf } = options;
    const { inOrder, runsOf } = await import('@warren/sim/matrix/resumed');
    const before = path === undefined ? undefined : await readReport<Report>(path);
    if (before !== undefined && before.world !== world) {
      throw new CliError(
        'USAGE',
        `${path ?? ''} is of a run in the ${before.world}, this one is in the ${world}`,
        'name another file, or remove this one',
      );
    }
    const found = before === undefined ? [] : entriesOf(before);
    const record = new RunRecord(
      options,
      {
        ...{ world, commit: await commitOf(), date: new Date().toISOString() },
        ...(before === undefined ? {} : { earlier: runsOf(before, found.length) }),
      },
      (entries: readonly Entry[]) => inOrder(cells, entries),
    );
    for (const entry of found) record.#put(entry);
    return record;
  }

  get entries(): readonly Entry[] {
    return this.#inOrder([...this.#entries.values()]);
  }

  /** One more cell, or a better word about it. */
  add(entry: Entry): void {
    this.#put(entry);
    const { path } = this.#options;
    if (path === undefined) return;
    writeFileAtomic(path, `${JSON.stringify(this.report(), undefined, 2)}\n`, REPORT_MODE);
  }

  report(): Report {
    const durationMs = Math.round(performance.now() - this.#startedAt);
    return this.#options.reportOf(this.entries, { ...this.#facts, durationMs });
  }

  #put(entry: Entry): void {
    this.#entries.set(`${entry.from}:${entry.to}`, entry);
  }
}

/** Undefined: there is no such file. */
async function readReport<Report>(path: string): Promise<Report | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Report;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(
      'SYSTEM',
      `the report ${path} can't be read: ${error instanceof Error ? error.message : ''}`,
      'name one that an earlier run wrote, or a file that is not there yet',
      { cause: error },
    );
  }
}

/** Of the checkout that this runs from, `-dirty` when its packages differ; null: it is none, or there is no git. */
async function commitOf(): Promise<string | null> {
  // Reports are written while this runs.
  const checkout = await readCheckout(12, ':/packages');
  return checkout && `${checkout.commit}${checkout.isChanged ? '-dirty' : ''}`;
}
