/** Work for several cores: processes that run one job each at a time, started as they are needed. */
import { type ChildProcess, fork } from 'node:child_process';

type Answer = { readonly result: unknown } | { readonly failure: string };

/** In the process of a script that a {@link JobPool} starts: answers every job. What it is asked comes as JSON. */
export function serveJobs(run: (job: unknown) => unknown): void {
  const answerTo = (job: unknown): Answer => {
    try {
      return { result: run(job) };
    } catch (error) {
      return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (job) => {
    process.send?.(answerTo(job));
  });
}

export class JobPool<Job, Result> {
  readonly #script: string;
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();

  /** `script`: calls {@link serveJobs}. */
  constructor(script: string) {
    this.#script = script;
  }

  /** As many run at a time as callers ask for. Rejects with what the job threw, or when `signal` says so. */
  async run(job: Job, signal: AbortSignal): Promise<Result> {
    const child = this.#idle.pop() ?? this.#start();
    const answer = await ask(child, job, signal);
    this.#idle.push(child);
    if ('failure' in answer) throw new Error(answer.failure);
    return answer.result as Result;
  }

  close(): void {
    for (const child of this.#all) child.kill();
  }

  #start(): ChildProcess {
    // Flags of this process, such as a test runner's, would have the other load sources.
    const child = fork(this.#script, [], { execArgv: [] });
    this.#all.add(child);
    child.on('exit', () => this.#all.delete(child));
    return child;
  }
}

function ask(child: ChildProcess, job: unknown, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onMessage = (answer: unknown): void => settle(() => resolve(answer as Answer));
    const onExit = (code: number | null, cause: string | null): void =>
      settle(() => reject(new Error(`a job ended with ${cause ?? code ?? 'nothing'}`)));
    // A job takes a second; the process goes when the pool is closed.
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    child.on('message', onMessage);
    child.on('exit', onExit);
    signal.addEventListener('abort', onAbort);
    child.send(job as object);
  });
}
