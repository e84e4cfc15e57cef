/**
 * A long run of seeds on paper, so that it can be cut off and taken up again: a line that says what is run, then one
 * per world, in the order in which they were done.
 *
 *     {"seeds": {"first", "last"}, "jobs", "commit"}
 *     {"elapsedMs": of this sitting, "result": SeedResult}
 *
 * Worlds of one program alone belong together: a file of another commit, range or number of jobs is refused.
 */
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { SeedResult } from '../fuzz/run-seed.js';
import type { SeedRange } from './run-seeds.js';

export interface RunFacts {
  readonly seeds: SeedRange;
  /** Each job does every `jobs`-th seed, in order. */
  readonly jobs: number;
  readonly commit: string;
}

interface Entry {
  readonly elapsedMs: number;
  readonly result: SeedResult;
}

export class RunFile {
  /** Of earlier sittings. */
  readonly earlier: readonly SeedResult[];
  /** All of them together. */
  readonly earlierMs: number;
  readonly #path: string;
  readonly #startedAt = performance.now();

  private constructor(path: string, entries: readonly Entry[]) {
    this.#path = path;
    this.earlier = entries.map(({ result }) => result);
    this.earlierMs = sittingsMs(entries);
  }

  /** Begins a file, or takes one up; a text: why that can't be. A last line that was cut off is dropped. */
  static open(path: string, facts: RunFacts): RunFile | string {
    const head = JSON.stringify(facts);
    if (!existsSync(path)) {
      writeFileSync(path, `${head}\n`);
      return new RunFile(path, []);
    }
    const text = readFileSync(path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const [first, ...lines] = whole.split('\n').slice(0, -1);
    if (first !== head) {
      return `${path} holds another run, ${first ?? 'without its first line'}; this one is ${head}`;
    }
    if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
    return new RunFile(
      path,
      lines.map((line) => JSON.parse(line) as Entry),
    );
  }

  add(result: SeedResult): void {
    const entry: Entry = { elapsedMs: Math.round(performance.now() - this.#startedAt), result };
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
  }
}

/** What each job begins with when some of its seeds are done. */
export function nextSeeds(range: SeedRange, jobs: number, done: readonly SeedResult[]): number[] {
  const next = Array.from({ length: jobs }, (_, index) => range.first + index);
  for (const { seed } of done) {
    const job = (seed - range.first) % jobs;
    next[job] = Math.max(next[job] ?? seed, seed + jobs);
  }
  return next;
}

/** A sitting's time only grows: where it falls, the next one began. */
function sittingsMs(entries: readonly Entry[]): number {
  let sum = 0;
  let last = 0;
  for (const { elapsedMs } of entries) {
    if (elapsedMs < last) sum += last;
    last = elapsedMs;
  }
  return sum + last;
}
