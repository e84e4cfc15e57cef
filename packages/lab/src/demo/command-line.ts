/**
 * The demo drives Warren as a person would: through its command line, inside the places of a world. This is
 * the one place that knows how to start a command, read its JSON and turn a failure into words.
 */
import { LabError } from '../errors.js';
import type { World } from '../world/world.js';

/** A join crosses the ocean a few times; more than this is a failure of the demo, not slowness. */
const COMMAND_TIMEOUT_MS = 60_000;

export class CommandLine {
  readonly #world: World;
  readonly #argv: readonly string[];

  /** `argv` starts the command line: Node.js and its main script. */
  constructor(world: World, argv: readonly string[]) {
    this.#world = world;
    this.#argv = argv;
  }

  /** Starts a server or daemon that lives as long as the world; its output goes to `logFile` of the place. */
  start(place: string, logFile: string, ...args: readonly string[]): void {
    this.#world.exec(place, [...this.#argv, ...args], {
      stdout: { file: logFile },
      stderr: { file: logFile },
    });
  }

  /** Runs a command to its end. `accept` lists exit codes that are answers, not failures. */
  async run(
    place: string,
    args: readonly string[],
    options: { readonly accept?: readonly number[]; readonly timeoutMs?: number } = {},
  ): Promise<string> {
    const result = await this.#world.run(place, [...this.#argv, ...args], {
      timeoutMs: options.timeoutMs ?? COMMAND_TIMEOUT_MS,
    });
    if (result.code === 0 || (options.accept ?? []).includes(result.code ?? -1))
      return result.stdout;
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-600);
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
  async json<T>(place: string, args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(place, [...args, '--json'])) as T;
  }
}
