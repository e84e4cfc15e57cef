/** Calls of programs that manage DNS. */
import { execFile } from 'node:child_process';

/** They write a file or send a message; one that hangs must not hang the daemon. */
const COMMAND_MS = 10_000;

export interface CommandResult {
  /** -1: it could not be started, or ran too long. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end; never throws. */
export function runCommand(
  command: string,
  args: readonly string[],
  input = '',
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: COMMAND_MS }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
    child.stdin?.on('error', () => {
      // The exit code tells the story.
    });
    child.stdin?.end(input);
  });
}

/** As {@link runCommand}; throws with the program's words when it failed. */
export async function mustRun(
  command: string,
  args: readonly string[],
  input = '',
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, input);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${stderr.trim() || `exit code ${code}`}`);
}
