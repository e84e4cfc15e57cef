/**
 * Rounds of one figure: in each, every contender runs once, and who begins changes from round to round, because a
 * machine's speed drifts and only neighbours in time can be compared. A run that fails is told, and its
 * contender starts anew for the next.
 */
import type { Contender } from './contenders.js';
import type { Figure } from './figures.js';
import type { MeasureOptions } from './measurements.js';
import type { TunnelPool } from './tunnel-pool.js';

/** A run's value, or why it has none. */
export type Run = { readonly value: number } | { readonly failure: string };

/** What each contender did in one round. */
export type Round = ReadonlyMap<Contender, Run>;

/** Of a reason; it may quote a daemon's whole status. */
const FAILURE_CHARS = 300;

export interface RoundsOptions extends MeasureOptions {
  readonly rounds: number;
  /** Told of each run. */
  readonly onRun: (round: number, contender: Contender, run: Run) => void;
}

export function contendersOf({ ours, theirs, beside }: Figure): readonly Contender[] {
  return beside === undefined ? [ours, theirs] : [ours, theirs, beside];
}

export async function runRounds(
  figure: Figure,
  pool: TunnelPool,
  options: RoundsOptions,
): Promise<readonly Round[]> {
  const contenders = contendersOf(figure);
  const rounds: Round[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const first = round % contenders.length;
    const order = [...contenders.slice(first), ...contenders.slice(0, first)];
    const runs = new Map<Contender, Run>();
    for (const contender of order) {
      const run = await runOnce(figure, contender, pool, options);
      runs.set(contender, run);
      options.onRun(round + 1, contender, run);
    }
    rounds.push(runs);
  }
  return rounds;
}

async function runOnce(
  { measure, isFresh }: Figure,
  contender: Contender,
  pool: TunnelPool,
  { seconds, congestion }: MeasureOptions,
): Promise<Run> {
  try {
    if (isFresh === true) await pool.close(contender);
    const tunnel = await pool.open(contender);
    await tunnel.check();
    const value = await measure(tunnel, {
      seconds,
      ...(congestion === undefined ? {} : { congestion }),
    });
    await tunnel.check();
    if (isFresh === true) await pool.close(contender);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`it measured ${value}`);
    return { value };
  } catch (error) {
    await pool.close(contender);
    const reason = error instanceof Error ? error.message : String(error);
    return { failure: reason.replace(/\s+/g, ' ').slice(0, FAILURE_CHARS) };
  }
}
