/** Random worlds as tests: ranges of seeds in which no checker may break, run as `npm run sim` runs them. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { formatBroken, type RunReport } from '../../run/report.js';

/** Seeds of one test: a failure names its own, so this is only how often the reporter hears of progress. */
const SEEDS_PER_TEST = 100;
/** A hundred worlds take about eight seconds of an idle core. */
const TIMEOUT_MS = 300_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** The built command: what test runners make of the sources runs at half its speed. */
export const simCommand = fileURLToPath(new URL('../../../dist/run/main.js', import.meta.url));

const run = promisify(execFile);

async function brokenOf(first: number, last: number): Promise<string> {
  expect(existsSync(simCommand), 'built: npm run build').toBe(true);
  const args = [simCommand, '--seeds', `${first}..${last}`, '--json'];
  let text: string;
  try {
    text = (await run(process.execPath, args, { maxBuffer: OUTPUT_BYTES_MAX })).stdout;
  } catch (error) {
    // Exit code 1 says that a checker broke, and the report says which.
    const { stdout } = error as { readonly stdout?: string };
    if (stdout === undefined || stdout === '') throw error;
    text = stdout;
  }
  const report = JSON.parse(text) as RunReport;
  expect(report.seeds).toBe(last - first + 1);
  return report.broken.flatMap(formatBroken).join('\n');
}

/** Declares tests for all seeds from `first` to `last`. */
export function testSeeds(first: number, last: number): void {
  for (let from = first; from <= last; from += SEEDS_PER_TEST) {
    const to = Math.min(last, from + SEEDS_PER_TEST - 1);
    test(`no checker breaks in the worlds ${from} to ${to}`, { timeout: TIMEOUT_MS }, async () => {
      expect(await brokenOf(from, to)).toBe('');
    });
  }
}
