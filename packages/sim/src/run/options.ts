/** The command line of the simulator. */
import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run sim -- [options]

Runs random worlds of machines, NATs, relays and faults, one per seed, and checks that no invariant breaks.

  --seed N            one world; its history is the same every time
  --seeds A..B        every world from A to B (default 1..100)
  --jobs N            in N processes at once (default 1)
  --resume FILE       keep what is done there, and go on behind it (with --seeds)
  --trace             print the whole history (with --seed or --scenario)
  --scenario NAME     a world with a name instead of a random one
  --list              names of the scenarios
  --json              one JSON object instead of text
  --help

Examples:
  npm run sim -- --seed 221 --trace      replay one world
  npm run sim -- --seeds 1..100000 --jobs 2
  npm run sim -- --seeds 1..100000 --jobs 2 --resume /tmp/seeds    the same in several sittings
  npm run sim -- --scenario carried-ping

Exit codes: 0 no checker broke, 1 one did, 64 usage
`;

export interface SimCommand {
  readonly seeds: { readonly first: number; readonly last: number } | undefined;
  readonly scenario: string | undefined;
  readonly jobs: number;
  /** The file of a run in sittings. */
  readonly resume: string | undefined;
  readonly trace: boolean;
  readonly json: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** What is wrong with the arguments, in words for the person. */
export class UsageProblem {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const DEFAULT_SEEDS = '1..100';
/** Seeds are 32 bits wide. */
const SEED_MAX = 0xffff_ffff;
const JOBS_MAX = 64;

export function parseSimArguments(args: readonly string[]): SimCommand | UsageProblem {
  let values: ReturnType<typeof readFlags>;
  try {
    values = readFlags(args);
  } catch (error) {
    return new UsageProblem(error instanceof Error ? error.message : String(error));
  }
  const { seed, seeds, scenario, jobs, resume, trace, json, list, help } = values;
  if ([seed, seeds, scenario].filter((value) => value !== undefined).length > 1) {
    return new UsageProblem('give one of --seed, --seeds and --scenario');
  }
  const range = parseSeeds(seed === undefined ? (seeds ?? DEFAULT_SEEDS) : `${seed}..${seed}`);
  if (range === undefined) return new UsageProblem('seeds are whole numbers, ranges go as 1..2000');
  const jobCount = Number(jobs ?? '1');
  if (!Number.isInteger(jobCount) || jobCount < 1 || jobCount > JOBS_MAX) {
    return new UsageProblem(`--jobs takes 1 to ${JOBS_MAX}`);
  }
  if (trace && scenario === undefined && range.first !== range.last) {
    return new UsageProblem('--trace shows one world: add --seed N or --scenario NAME');
  }
  if (resume !== undefined && (scenario !== undefined || range.first === range.last)) {
    return new UsageProblem('--resume is for many worlds: add --seeds A..B');
  }
  return {
    seeds: scenario === undefined ? range : undefined,
    scenario,
    jobs: jobCount,
    resume,
    trace,
    json,
    list,
    help,
  };
}

function readFlags(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      scenario: { type: 'string' },
      jobs: { type: 'string' },
      resume: { type: 'string' },
      trace: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

function parseSeeds(text: string): SimCommand['seeds'] {
  const match = /^(\d{1,10})\.\.(\d{1,10})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  return match !== null && first <= last && last <= SEED_MAX ? { first, last } : undefined;
}
