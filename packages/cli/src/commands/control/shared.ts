/** What the nouns of `warren control` share. */
import { type Command, InvalidArgumentError } from 'commander';
import { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
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

export const NODE = '<node>';
export const NODE_HELP = 'id, name, or the first label of a name';

/** The id of a node given by id, name, or a name's first label. */
export async function nodeIdOf(client: AdminClient, wanted: string): Promise<number> {
  if (/^\d{1,15}$/.test(wanted)) return Number(wanted);
  const name = wanted.toLowerCase().replace(/\.$/, '');
  const nodes = await client.listNodes();
  const found =
    nodes.find((node) => node.name.toLowerCase() === name) ??
    nodes.find((node) => node.name.toLowerCase().split('.', 1)[0] === name);
  if (found !== undefined) return found.id;
  throw new CliError(
    'NODE_UNKNOWN',
    `the hub has no node called ${wanted}`,
    '`warren control nodes list` shows them all',
  );
}
