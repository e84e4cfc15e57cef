/**
 * The lab drives Warren as a person would: through its command line, inside the places of a world. This is
 * the one place that knows how to start a command, read its JSON and turn a failure into words.
 */
import { LabError } from '../errors.js';
import type { ExecOptions, RunResult, World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

/** A join crosses the ocean a few times; more than this is a failure of the lab, not slowness. */
const COMMAND_TIMEOUT_MS = 60_000;
/** Of what a failed command said: enough for an error and its hint. */
const SAID_CHARS = 600;

export interface CommandOptions {
  /** Exit codes that are answers, not failures. */
  readonly accept?: readonly number[];
  readonly timeoutMs?: number;
}

export class CommandLine {
  readonly #world: World;
  readonly #argv: readonly string[];

  /** `argv` starts the command line: Node.js and its main script. */
  constructor(world: World, argv: readonly string[]) {
    this.#world = world;
    this.#argv = argv;
  }

  /** What runs `warren ARGS`, for callers that put something before it. */
  argv(args: readonly string[]): string[] {
    return [...this.#argv, ...args];
  }

  /** Starts a server or daemon that lives as long as the world; its output goes to `logFile` of the place. */
  start(
    place: string,
    logFile: string,
    args: readonly string[],
    options: Pick<ExecOptions, 'env'> = {},
  ): WorldProcess {
    const output = { file: logFile };
    return this.#world.exec(place, this.argv(args), { ...options, stdout: output, stderr: output });
  }

  /** Runs a command to its end, whatever that is. */
  attempt(place: string, args: readonly string[], timeoutMs?: number): Promise<RunResult> {
    return this.#world.run(place, this.argv(args), { timeoutMs: timeoutMs ?? COMMAND_TIMEOUT_MS });
  }

  /** Runs a command to its end and gives its stdout; throws LAB_COMMAND_FAILED when it failed. */
  async run(place: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const result = await this.attempt(place, args, options.timeoutMs);
    if (result.code === 0 || (options.accept ?? []).includes(result.code ?? -1)) {
      return result.stdout;
    }
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-SAID_CHARS);
    const ending = result.timedOut
      ? 'did not end in time'
      : `ended with ${result.code ?? result.signal ?? '?'}`;
    throw new LabError(
      'LAB_COMMAND_FAILED',
      `on ${place}, \`warren ${args.join(' ')}\` ${ending}: ${said}`,
      'run the demo with --keep --verbose and look around with `warren lab shell MACHINE`',
    );
  }

  /** Runs a command with --json and parses the one object it prints. */
  async json<T>(place: string, args: readonly string[], options: CommandOptions = {}): Promise<T> {
    return JSON.parse(await this.run(place, [...args, '--json'], options)) as T;
  }
}
