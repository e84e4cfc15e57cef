/**
 * The bench itself, inside the namespace: every stage's rounds, contenders in turn, and who begins changes from round to
 * round, because a machine's speed drifts and only neighbours in time can be compared. A failure is told, and the rest goes on.
 */
import { CONTENDERS, type Contender } from './contenders.js';
import type { BenchOptions } from './options.js';
import { type Sample, type Stage, type StageKey, type StageOptions, stagesOf } from './stages.js';

/** Of a reason, which may quote a log. */
const FAILURE_CHARS = 600;

export interface Run {
  readonly stage: StageKey;
  /** From 1. */
  readonly round: number;
  readonly contender: Contender;
  readonly sample?: Sample;
  /** In place of a sample. */
  readonly failure?: string;
}

export interface RunOptions extends BenchOptions {
  readonly directory: string;
  readonly headscale: string | undefined;
}

export async function runRounds(
  options: RunOptions,
  onProgress: (line: string) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const stage of stagesOf(options.keys)) {
    const rounds = stage.isContest ? options.rounds : 1;
    for (let round = 1; round <= rounds; round++) {
      for (const contender of orderOf(stage, round, options.isAlone)) {
        const run = await runOnce(stage, contender, round, {
          ...options,
          limitMs: options.limitMinutes * 60_000,
          onProgress: (line) => onProgress(`${round}/${rounds} ${line}`),
        });
        if (run.failure !== undefined) onProgress(`FAILED: ${run.failure}`);
        runs.push(run);
      }
    }
  }
  return runs;
}

function orderOf({ isContest }: Stage, round: number, isAlone: boolean): readonly Contender[] {
  if (!isContest || isAlone) return ['warren'];
  return round % 2 === 1 ? CONTENDERS : [...CONTENDERS].reverse();
}

async function runOnce(
  stage: Stage,
  contender: Contender,
  round: number,
  options: StageOptions,
): Promise<Run> {
  const run = { stage: stage.key, round, contender };
  try {
    return { ...run, sample: await stage.run(contender, options) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...run, failure: reason.replace(/\s+/g, ' ').slice(0, FAILURE_CHARS) };
  }
}
