/** The command line of `npm run bench:control`. */
import { parseArgs } from 'node:util';
import { type Sizes, STAGE_KEYS, type StageKey, sizesFor } from './stages.js';

export interface BenchOptions {
  readonly keys: readonly StageKey[];
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly seconds: number;
  readonly processes: number;
  readonly limitMinutes: number;
  /** Without headscale. */
  readonly isAlone: boolean;
  readonly profile: string | undefined;
}

export interface CommandLine {
  readonly options: BenchOptions;
  readonly isJson: boolean;
  /** Where the curve's plot goes; its figures go beside it. */
  readonly plot: string | undefined;
}

const NODES_DEFAULT = 2_000;
/** Fewer make no groups. */
const NODES_MIN = 4;
const ROUNDS_DEFAULT = 3;
const SECONDS_DEFAULT = 30;
const PROCESSES_DEFAULT = 2;
/** For any one thing to happen: thousands to join on a busy machine. */
const LIMIT_DEFAULT_MINUTES = 15;

export const HELP = `Usage: npm run bench:control -- [options]

The Warren hub beside headscale, with simulated clients that speak ts2021, in a network namespace of its own.
Progress goes to stderr. Needs root, a headscale (scripts/build-go-peers.sh) and a computer that does nothing else.

Options:
  --only KEY,...     parts: ${STAGE_KEYS.join(', ')} (default: all)
  --rounds N         of each contest, contenders in turn (default: ${ROUNDS_DEFAULT})
  --nodes N          in groups of 100; a quarter as many where everybody sees everybody, five times as many in the
                     large network of ours alone (default: ${NODES_DEFAULT})
  --everybody N      nodes where everybody sees everybody
  --seconds N        of each series of changes (default: ${SECONDS_DEFAULT})
  --processes N      of the fleet of clients (default: ${PROCESSES_DEFAULT})
  --limit MINUTES    for any one thing to happen, as thousands to join (default: ${LIMIT_DEFAULT_MINUTES})
  --alone            without headscale
  --plot FILE.svg    draws what a change costs by its audience; its figures go beside it as JSON
  --profile DIR      the hub, alone, writes profiles of its processor time there; its figures are of no use then
  --json             the report as JSON
  --help             this

Ends with 1 when a part failed; a figure that falls short is no failure of the bench.

Examples:
  npm run bench:control                                        all of it, for an hour and more
  npm run bench:control -- --only groups,restart --rounds 5    the contest of 2,000 nodes
  npm run bench:control -- --nodes 40 --rounds 1 --seconds 3   that it works
  npm run bench:control -- --only curve --plot docs/figures/control-change-cost.svg
  npm run bench:control -- --only groups --rounds 1 --profile /tmp/profiles
`;

function count(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`--${name} takes a number from ${least} on`);
  }
  return value;
}

function stageKey(text: string): StageKey {
  const key = STAGE_KEYS.find((known) => known === text);
  if (key === undefined)
    throw new Error(`no part is called ${text}; there are ${STAGE_KEYS.join(', ')}`);
  return key;
}

/** Undefined: help is wanted. Throws for what makes no sense. */
export function parseCommandLine(args: readonly string[]): CommandLine | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: String(ROUNDS_DEFAULT) },
      nodes: { type: 'string', default: String(NODES_DEFAULT) },
      everybody: { type: 'string' },
      seconds: { type: 'string', default: String(SECONDS_DEFAULT) },
      processes: { type: 'string', default: String(PROCESSES_DEFAULT) },
      limit: { type: 'string', default: String(LIMIT_DEFAULT_MINUTES) },
      plot: { type: 'string' },
      alone: { type: 'boolean', default: false },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const keys = values.only.flatMap((list) => list.split(',')).filter((key) => key !== '');
  const everybody = values.everybody && count('everybody', values.everybody, 2);
  return {
    options: {
      keys: keys.length === 0 ? STAGE_KEYS : keys.map(stageKey),
      sizes: sizesFor(count('nodes', values.nodes, NODES_MIN), everybody || undefined),
      rounds: count('rounds', values.rounds),
      seconds: count('seconds', values.seconds),
      processes: count('processes', values.processes),
      limitMinutes: count('limit', values.limit),
      isAlone: values.alone || values.profile !== undefined,
      profile: values.profile,
    },
    isJson: values.json,
    plot: values.plot,
  };
}
