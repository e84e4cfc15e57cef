/** Commands in a world that must succeed. */
import type { RunOptions, World } from './world.js';

/** Of a failed command, which may be a script, and of what it said. */
const COMMAND_CHARS = 80;
const SAID_CHARS = 600;

/** Runs a command to its end and gives its stdout; throws with its words when it failed. */
export async function runOrThrow(
  world: World,
  place: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr, timedOut } = await world.run(place, argv, options);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).slice(-SAID_CHARS);
  const ending = timedOut ? 'did not end in time' : `ended with ${code ?? 'a signal'}`;
  const command = argv.join(' ').slice(0, COMMAND_CHARS);
  throw new Error(`on ${place}, \`${command}\` ${ending}: ${said}`);
}
