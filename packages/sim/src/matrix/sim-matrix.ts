/** The simulator as a world of the matrix: cells run in processes of their own, one cell each at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CellOutcome, MatrixCell, MatrixWorld } from './cell.js';

/** What a process is asked, and what it answers. */
export interface CellJob {
  readonly left: string;
  readonly right: string;
}
export type CellAnswer = { readonly outcome: CellOutcome } | { readonly failure: string };

class SimMatrixWorld implements MatrixWorld {
  readonly kind = 'sim';
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();

  async runCell({ left, right }: MatrixCell, signal: AbortSignal): Promise<CellOutcome> {
    const child = this.#idle.pop() ?? this.#start();
    const answer = await ask(child, { left: left.name, right: right.name }, signal);
    this.#idle.push(child);
    if ('failure' in answer) throw new Error(`${left.name}:${right.name}: ${answer.failure}`);
    return answer.outcome;
  }

  close(): Promise<void> {
    for (const child of this.#all) child.kill();
    return Promise.resolve();
  }

  #start(): ChildProcess {
    // Flags of this process, such as a test runner's, would have the other load sources.
    const script = fileURLToPath(new URL('./cell-job.js', import.meta.url));
    const child = fork(script, [], { execArgv: [] });
    this.#all.add(child);
    child.on('exit', () => this.#all.delete(child));
    return child;
  }
}

/** A world that starts as many processes as cells run at a time. */
export function openSimMatrix(): MatrixWorld {
  return new SimMatrixWorld();
}

function ask(child: ChildProcess, job: CellJob, signal: AbortSignal): Promise<CellAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onMessage = (answer: unknown): void => settle(() => resolve(answer as CellAnswer));
    const onExit = (code: number | null, cause: string | null): void =>
      settle(() => reject(new Error(`a job ended with ${cause ?? code ?? 'nothing'}`)));
    // A cell takes a second; the process goes when the world is closed.
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    child.on('message', onMessage);
    child.on('exit', onExit);
    signal.addEventListener('abort', onAbort);
    child.send(job);
  });
}
