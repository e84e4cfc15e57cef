/** What the nouns of `warren control` share. */
import { type Command, InvalidArgumentError } from 'commander';
import { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { parseDuration } from '../../options.js';

export interface JsonOption {
  readonly json: boolean;
}

/** How long a key lives, in milliseconds. (Commander would turn a null into no value.) */
export function parseLife(text: string): number | 'never' {
  if (text === 'never') return text;
  const ms = parseDuration(text);
  if (ms === 0) throw new InvalidArgumentError('a time of 0 is over at once; try 24h.');
  return ms;
}

export function clientOf(command: Command, context: CliContext): AdminClient {
  const { adminSocket } = command.optsWithGlobals<{ adminSocket: string }>();
  return new AdminClient(adminSocket, context.signal);
}
