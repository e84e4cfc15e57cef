/**
 * The program: parses, runs one command, says what went wrong, ends with the right exit code.
 *
 * Signals: the first SIGINT or SIGTERM aborts the command's work, the second ends at once. A reader that
 * goes away (`warren status | head -1`) ends the program quietly.
 */
import { type Command, CommanderError } from 'commander';
import type { CliContext } from './context.js';
import { failureOf, showFailure } from './error-output.js';
import { RightsError } from './errors.js';
import { EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED } from './exit-codes.js';
import { ENVIRONMENT_NAMES, normalizeSwitches, wantsJson } from './options.js';
import { commandLineOf, createProgram, rewriteHelp } from './program.js';
import { canAskSudo, rerunThroughSudo } from './rights.js';
import { Terminal } from './terminal.js';

const args = process.argv.slice(2);
const terminal = new Terminal(process.stdout, process.stderr, process.env);

function endWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_DONE);
    // On stderr also with --json: on stdout it would go the way of the answer.
    const failure = failureOf(error, 'warren');
    showFailure(failure, terminal, { json: false, debug: false });
    process.exit(failure.exitCode);
  });
  process.stderr.on('error', () => {
    // Nobody reads the notes; the work goes on.
  });
}

interface Interruption {
  readonly signal: AbortSignal;
  /** By the signal that came, once one did. */
  exitCode: number | undefined;
}

function abortOnSignals(): Interruption {
  const abort = new AbortController();
  const interruption: Interruption = { signal: abort.signal, exitCode: undefined };
  const listen = (signal: NodeJS.Signals, exitCode: number): void => {
    process.on(signal, () => {
      if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
      interruption.exitCode = exitCode;
      abort.abort();
    });
  };
  listen('SIGINT', EXIT_INTERRUPTED);
  listen('SIGTERM', EXIT_TERMINATED);
  return interruption;
}

/** A server that is told to stop has done its work; anything else was cut short. */
function exitCodeAfter(exitCode: number, context: CliContext): number {
  return context.isServer && exitCode === EXIT_TERMINATED ? EXIT_DONE : exitCode;
}

function say(error: unknown, line: readonly string[], program?: Command): number {
  const failure = failureOf(error, program === undefined ? 'warren' : commandLineOf(program, line));
  // Commander printed the help already where a subcommand was missing.
  if (!(error instanceof CommanderError && error.code === 'commander.help')) {
    const debug = line.includes('--verbose') || (process.env['WARREN_DEBUG'] ?? '') !== '';
    showFailure(failure, terminal, { json: wantsJson(line), debug });
  }
  return failure.exitCode;
}

/** Runs the command line; the result is the exit code. */
async function run(line: readonly string[]): Promise<number> {
  const interruption = abortOnSignals();
  const context: CliContext = {
    terminal,
    signal: interruption.signal,
    invocation: {
      execPath: process.execPath,
      execArgs: process.execArgv,
      script: process.argv[1] ?? '',
      args,
    },
    isServer: false,
    exitCode: EXIT_DONE,
  };
  const program = createProgram(context);
  try {
    await program.parseAsync(line, { from: 'user' });
    const { exitCode } = interruption;
    return exitCode === undefined ? context.exitCode : exitCodeAfter(exitCode, context);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_DONE;
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    if (error instanceof RightsError && canAskSudo()) {
      terminal.note(`warren needs root to ${error.purpose}: asking sudo.`);
      return await rerunThroughSudo(context.invocation);
    }
    return say(error, line, program);
  }
}

endWhenReaderLeaves();
for (const name of ENVIRONMENT_NAMES) {
  if (process.env[name] === '') Reflect.deleteProperty(process.env, name);
}
const line = normalizeSwitches(rewriteHelp(args));
process.on('uncaughtException', (error) => process.exit(say(error, line)));
const exitCode = await run(line);
// A write that failed is told a little later: an answer that nobody got must not end with 0.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit(exitCode);
