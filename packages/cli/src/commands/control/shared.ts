/** What the nouns of `warren control` share. */
import { resolve } from 'node:path';
import { readFileStrict } from '@warren/shell/files/atomic-file';
import { type Command, InvalidArgumentError } from 'commander';
import { AdminClient } from '../../admin-client.js';
import { type AdminPlace, AdminTransport } from '../../admin-transport.js';
import type { CliContext } from '../../context.js';
import { CliError, usageError } from '../../errors.js';
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

/** Flags of `warren control` that say which hub; the environment says it where they don't. */
interface HubOptions {
  readonly adminSocket: string;
  readonly server?: string;
  readonly tokenFile?: string;
}

/** A token is some dozens of characters; a file with more is another one. */
const TOKEN_FILE_MAX = 1024;

export function clientOf(command: Command, context: CliContext): AdminClient {
  return new AdminClient(new AdminTransport(placeOf(command), context.signal));
}

function placeOf(command: Command): AdminPlace {
  const { adminSocket, server, tokenFile } = command.optsWithGlobals<HubOptions>();
  const isSocketGiven = command.getOptionValueSourceWithGlobals('adminSocket') === 'cli';
  const isServerGiven = command.getOptionValueSourceWithGlobals('server') === 'cli';
  if (isSocketGiven && isServerGiven) {
    throw usageError('--admin-socket and --server are two places', 'give one of them');
  }
  // A socket that was named wins over a server of the environment.
  if (server === undefined || server === '' || isSocketGiven) return { adminSocket };
  return { server, token: tokenOf(tokenFile) };
}

function tokenOf(tokenFile: string | undefined): string {
  const given = process.env['WARREN_CONTROL_TOKEN'];
  if (tokenFile === undefined && given !== undefined && given !== '') return given.trim();
  if (tokenFile === undefined) {
    throw usageError(
      'a hub elsewhere wants a token',
      'name its file with --token-file; `warren control tokens create` on the hub makes one',
    );
  }
  const bytes = readFileStrict(resolve(tokenFile), "the hub's token");
  const token = Buffer.from(bytes).toString('latin1').trim();
  if (bytes.length <= TOKEN_FILE_MAX && /^[\x21-\x7e]+$/.test(token)) return token;
  throw usageError(`${tokenFile} holds no token`, 'it has one line, as the hub printed it');
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
