/** `npm run sim`: random worlds by seed, or a scenario by name. */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import type { Break } from '../checkers/checker.js';
import type { SeedResult } from '../fuzz/run-seed.js';
import { runScenario, type ScenarioResult } from '../scenario/run-scenario.js';
import { scenarios } from '../scenario/scenarios.js';
import { currentCommit } from './current-commit.js';
import { HELP, parseSimArguments, type SimCommand, UsageProblem } from './options.js';
import { formatBroken, formatSummary, RunTotals } from './report.js';
import { nextSeeds, RunFile } from './run-file.js';
import { runHere, runSafely, runShared, type SeedRange } from './run-seeds.js';

const EXIT_BROKEN = 1;
const EXIT_USAGE = 64;
/** How often a long run says how far it is. */
const PROGRESS_MS = 10_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(): Promise<number> {
  const command = parseSimArguments(process.argv.slice(2));
  if (command instanceof UsageProblem) {
    process.stderr.write(`${command.message}\n\n${HELP}`);
    return EXIT_USAGE;
  }
  if (command.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (command.list) {
    for (const { name, about } of scenarios) say(`${name.padEnd(32)} ${about}`);
    return 0;
  }
  if (command.scenario !== undefined) return playScenario(command.scenario, command);
  if (command.seeds === undefined) return EXIT_USAGE;
  const { first, last } = command.seeds;
  return first === last ? replay(first, command) : runRange(command.seeds, command);
}

function playScenario(name: string, { trace, json }: SimCommand): number {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario === undefined) {
    process.stderr.write(`there is no scenario ${name}; --list names them\n`);
    return EXIT_USAGE;
  }
  const options = { crypto: createNodeCrypto(), ...(trace ? { onLine: say } : {}) };
  const result: ScenarioResult = runScenario(scenario, options);
  if (json) say(JSON.stringify({ name, ...result }, null, 2));
  else {
    for (const found of result.breaks) say(formatBreak(found));
    say(`${name}: ${result.breaks.length === 0 ? 'as it should be' : 'broken'}`);
  }
  return result.breaks.length === 0 ? 0 : EXIT_BROKEN;
}

function formatBreak({ atMs, checker, what }: Break): string {
  return `  ${(atMs / 1000).toFixed(1)} s ${checker}: ${what}`;
}

function replay(seed: number, { trace, json }: SimCommand): number {
  const result = runSafely(seed, trace ? say : undefined);
  if (json) say(JSON.stringify(result, null, 2));
  else sayWorld(result);
  return result.breaks.length === 0 ? 0 : EXIT_BROKEN;
}

function sayWorld(result: SeedResult): void {
  if (result.breaks.length > 0) {
    for (const line of formatBroken(result)) say(line);
  } else {
    const { seed, machines, faults, messages, virtualMs } = result;
    const suffered = faults.length === 0 ? 'no faults' : faults.join(', ');
    say(
      `seed ${seed}: ${machines} machines, ${suffered}; ${messages} messages in ${(virtualMs / 1000).toFixed(1)} s, no checker broke`,
    );
  }
  say(`history ${result.fingerprint}`);
}

async function runRange(range: SeedRange, { jobs, json, resume }: SimCommand): Promise<number> {
  const file =
    resume === undefined
      ? undefined
      : RunFile.open(resume, { seeds: range, jobs, commit: (await currentCommit()) ?? 'unknown' });
  if (typeof file === 'string') {
    process.stderr.write(`${file}\n`);
    return EXIT_USAGE;
  }
  const startedAt = performance.now();
  const totals = new RunTotals();
  const earlier = file?.earlier ?? [];
  for (const result of earlier) totals.add(result);
  let saidAt = startedAt;
  let done = earlier.length;
  const onResult = (result: SeedResult): void => {
    totals.add(result);
    file?.add(result);
    done++;
    if (json) return;
    if (result.breaks.length > 0) for (const line of formatBroken(result)) say(line);
    if (performance.now() - saidAt < PROGRESS_MS) return;
    saidAt = performance.now();
    process.stderr.write(`${done} of ${range.last - range.first + 1}, ${totals.broken} broken\n`);
  };
  const from = nextSeeds(range, jobs, earlier);
  if (jobs === 1) runHere(range, from[0] ?? range.first, onResult);
  else await runShared(range, from, onResult);
  const report = totals.report((file?.earlierMs ?? 0) + performance.now() - startedAt);
  say(json ? JSON.stringify(report, null, 2) : formatSummary(report));
  return totals.broken === 0 ? 0 : EXIT_BROKEN;
}

// `| head` is no error.
process.stdout.on('error', () => process.exit());
process.exitCode = await main();
