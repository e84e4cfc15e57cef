/** A fleet of simulated clients in processes of their own, and what it noted. */
import { type ChildProcess, fork } from 'node:child_process';
import { scriptPath } from '../../scripts.js';
import { cleanEnvironment } from '../../world/channel.js';
import type { Command, Kind, Member, Notes, Report, Target } from './protocol.js';

/** A process starts in a second; reading keys of thousands of nodes takes another. */
const BEGIN_MS = 60_000;
const NOTE_MS = 60_000;

type ReportOf<Is extends Report['is']> = Extract<Report, { is: Is }>;

interface Waiting {
  readonly is: Report['is'];
  readonly resolve: (report: Report) => void;
  readonly reject: (error: Error) => void;
}

/** One process. */
class Crew {
  readonly #child: ChildProcess;
  readonly #waiting = new Set<Waiting>();
  #end: Error | undefined;

  constructor() {
    this.#child = fork(scriptPath('bench-control/fleet/worker'), [], {
      serialization: 'advanced',
      env: cleanEnvironment(),
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (report) => this.#take(report as Report));
    this.#child.once('exit', (code, signal) => {
      this.#end = new Error(`a process of the fleet ended with ${code ?? signal ?? 'nothing'}`);
      for (const { reject } of this.#waiting) reject(this.#end);
      this.#waiting.clear();
    });
  }

  tell(command: Command): void {
    if (this.#end === undefined) this.#child.send(command);
  }

  /** Ask for it before the command that leads to it. */
  next<Is extends Report['is']>(is: Is, limitMs: number): Promise<ReportOf<Is>> {
    return new Promise<Report>((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      const waiting = { is, resolve, reject };
      this.#waiting.add(waiting);
      setTimeout(() => {
        if (this.#waiting.delete(waiting))
          reject(new Error(`no "${is}" within ${limitMs / 1000} s`));
      }, limitMs).unref();
    }) as Promise<ReportOf<Is>>;
  }

  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #take(report: Report): void {
    for (const waiting of [...this.#waiting]) {
      if (waiting.is !== report.is) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(report);
    }
  }
}

/** Since when clients had their maps, earliest first, how many had only changes sent, and how many had to ask twice. */
export interface Wholeness {
  readonly at: readonly number[];
  readonly resumed: number;
  readonly stranded: number;
}

/** A question that is not awaited yet is no unhandled failure. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

export class Fleet {
  readonly #crews: readonly Crew[];

  private constructor(crews: readonly Crew[]) {
    this.#crews = crews;
  }

  /** `nodes`: how many it will ever have. */
  static async start(processes: number, target: Target, nodes: number): Promise<Fleet> {
    const fleet = new Fleet(Array.from({ length: processes }, () => new Crew()));
    try {
      const begun = fleet.#all('begun', BEGIN_MS);
      fleet.#tell({ do: 'begin', target, nodes });
      await begun;
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /**
   * Has them join, at most `atOnce` at a time, and waits until each knows all that it is to know. Resolves with the
   * moment of the first registration and those of their being complete.
   */
  async join(
    members: readonly Member[],
    atOnce: number,
    limitMs: number,
  ): Promise<Wholeness & { readonly firstAt: number }> {
    const whole = this.#whole(limitMs);
    const joined = this.#all('joined', limitMs);
    for (const [number, crew] of this.#crews.entries()) {
      const own = members.filter(({ index }) => index % this.#crews.length === number);
      crew.tell({
        do: 'join',
        members: own,
        atOnce: Math.max(1, Math.round(atOnce / this.#crews.length)),
      });
    }
    const reports = await joined;
    const refused = reports.flatMap((report) => report.refused);
    if (refused.length > 0) {
      throw new Error(`${refused.length} clients were refused: ${refused[0] ?? ''}`);
    }
    return { ...(await whole), firstAt: Math.min(...reports.map(({ firstAt }) => firstAt)) };
  }

  change(index: number, change: number): void {
    this.#crews[index % this.#crews.length]?.tell({ do: 'change', index, change });
  }

  /** What each process noted since the last time. */
  async notes(): Promise<readonly Notes[]> {
    const noted = this.#all('noted', NOTE_MS);
    this.#tell({ do: 'note' });
    return (await noted).map(({ notes }) => notes);
  }

  /** Resolves when all clients have their maps by streams that begin from now on. Await it after what ends the streams. */
  expect(kind: Kind, limitMs: number): Promise<Wholeness> {
    const whole = this.#whole(limitMs);
    this.#tell({ do: 'expect', kind });
    return whole;
  }

  drop(): void {
    this.#tell({ do: 'drop' });
  }

  async close(): Promise<void> {
    await Promise.all(this.#crews.map((crew) => crew.close()));
  }

  #whole(limitMs: number): Promise<Wholeness> {
    const all = this.#all('whole', limitMs).then((reports) => ({
      at: reports.flatMap(({ at }) => [...at]).sort((one, other) => one - other),
      resumed: reports.reduce((sum, { resumed }) => sum + resumed, 0),
      stranded: reports.reduce((sum, { stranded }) => sum + stranded, 0),
    }));
    return quiet(all);
  }

  #all<Is extends Report['is']>(is: Is, limitMs: number): Promise<ReportOf<Is>[]> {
    return quiet(Promise.all(this.#crews.map((crew) => crew.next(is, limitMs))));
  }

  #tell(command: Command): void {
    for (const crew of this.#crews) crew.tell(command);
  }
}
