/** What a run of seeds found, for people and for programs. */
import type { SeedResult } from '../fuzz/run-seed.js';

export interface RunReport {
  readonly seeds: number;
  readonly broken: readonly SeedResult[];
  readonly messages: number;
  readonly virtualMs: number;
  readonly elapsedMs: number;
  /** The longest time that data took to flow again, over all worlds. */
  readonly worstRecoveryMs: { readonly hard: number; readonly soft: number };
}

/** Broken worlds that are kept in full; a real bug breaks many alike. */
const BROKEN_MAX = 100;

export class RunTotals {
  #seeds = 0;
  #brokenCount = 0;
  readonly #broken: SeedResult[] = [];
  #messages = 0;
  #virtualMs = 0;
  readonly #worst = { hard: 0, soft: 0 };

  get broken(): number {
    return this.#brokenCount;
  }

  add(result: SeedResult): void {
    this.#seeds++;
    this.#messages += result.messages;
    this.#virtualMs += result.virtualMs;
    this.#worst.hard = Math.max(this.#worst.hard, result.worst.hardMs);
    this.#worst.soft = Math.max(this.#worst.soft, result.worst.softMs);
    if (result.breaks.length === 0) return;
    this.#brokenCount++;
    if (this.#broken.length < BROKEN_MAX) this.#broken.push(result);
  }

  report(elapsedMs: number): RunReport {
    return {
      seeds: this.#seeds,
      broken: this.#broken,
      messages: this.#messages,
      virtualMs: this.#virtualMs,
      elapsedMs,
      worstRecoveryMs: this.#worst,
    };
  }
}

/** How to see it again. */
export function replayCommand(seed: number): string {
  return `npm run sim -- --seed ${seed}`;
}

export function formatBroken({ seed, machines, faults, breaks }: SeedResult): string[] {
  return [
    `seed ${seed}: ${machines} machines, ${faults.length === 0 ? 'no faults' : faults.join(', ')}`,
    ...breaks.map(
      ({ checker, atMs, what }) => `  ${(atMs / 1000).toFixed(1)} s ${checker}: ${what}`,
    ),
    `  replay: ${replayCommand(seed)}`,
  ];
}

export function formatSummary(report: RunReport): string {
  const { seeds, broken, messages, virtualMs, elapsedMs } = report;
  const hours = (virtualMs / 3_600_000).toFixed(1);
  const per1000 = ((elapsedMs / 1000 / Math.max(1, seeds)) * 1000).toFixed(0);
  const found = broken.length === 0 ? 'no checker broke' : `${broken.length} broke a checker`;
  return `${seeds} worlds, ${hours} simulated hours, ${messages} messages in ${(elapsedMs / 1000).toFixed(1)} s (${per1000} s a thousand): ${found}`;
}
