/** `warren control`: keys and nodes of a hub, over its admin socket. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AdminClient } from '../admin-client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../errors.js';
import { describe } from '../help-text.js';
import { collect, DEFAULT_ADMIN_SOCKET_PATH, parseDuration } from '../options.js';
import { renderKeys, renderNodes } from '../render/control-tables.js';
import { renderJoin } from '../render/server-lines.js';

/** A day: long enough to set up some machines, short enough to forget the key. */
const DEFAULT_EXPIRY_MS = 86_400_000;

interface CreateOptions {
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly expiry: number | 'never';
  readonly user?: string;
  readonly tag?: readonly string[];
  readonly json: boolean;
}

interface JsonOption {
  readonly json: boolean;
}

/** How long a key lets machines in, in milliseconds. (Commander would turn a null into no value.) */
export function parseExpiry(text: string): number | 'never' {
  if (text === 'never') return text;
  const ms = parseDuration(text);
  if (ms === 0) throw new InvalidArgumentError('a key that ends at once lets nobody in; try 24h.');
  return ms;
}

function clientOf(command: Command, context: CliContext): AdminClient {
  const { adminSocket } = command.optsWithGlobals<{ adminSocket: string }>();
  return new AdminClient(adminSocket, context.signal);
}

async function createKey(
  options: CreateOptions,
  client: AdminClient,
  context: CliContext,
): Promise<void> {
  const created = await client.createKey({
    reusable: options.reusable,
    ephemeral: options.ephemeral,
    expiresInMs: options.expiry === 'never' ? null : options.expiry,
    tags: options.tag ?? [],
    ...(options.user === undefined ? {} : { user: options.user }),
  });
  if (options.json) {
    context.terminal.printJson(created);
    return;
  }
  // The key alone on stdout, for $(...); it is shown this once.
  context.terminal.print(created.key);
  context.terminal.note('On the machine that joins:');
  context.terminal.note(`  ${renderJoin(await client.url(), created.key)}`);
}

function defineCreate(keys: Command, context: CliContext): void {
  const command = keys
    .command('create')
    .description('make a key; it is shown once and never stored')
    .option('--reusable', 'for any number of machines', false)
    .option('--ephemeral', 'its machines are forgotten when they have gone', false)
    .addOption(
      new Option('--expiry <duration>', 'how long it lets machines in; or never')
        .argParser(parseExpiry)
        .default(DEFAULT_EXPIRY_MS, '24h'),
    )
    .option('--user <name>', 'who owns its machines (default: owner)')
    .option('--tag <tag:name>', 'a tag for its machines; repeatable', collect)
    .option('--json', 'the key and its properties as JSON', false)
    .action((options: CreateOptions) => createKey(options, clientOf(command, context), context));
  describe(command, [
    ['warren control keys create', 'for one machine, within a day'],
    ['warren control keys create --reusable --expiry 7d', 'for a whole office'],
    ['warren control keys create --ephemeral --tag tag:ci --json', 'for jobs that come and go'],
  ]);
}

function defineKeys(control: Command, context: CliContext): void {
  const keys = control.command('keys').description('keys that let machines in').helpCommand(false);
  defineCreate(keys, context);
  const list = keys
    .command('list')
    .description('all keys, without their secrets')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(list, context).listKeys();
      if (json) context.terminal.printJson(all);
      else for (const line of renderKeys(all, Date.now())) context.terminal.print(line);
    });
  describe(list, [['warren control keys list', 'the newest last']]);
  const expire = keys
    .command('expire')
    .description('end a key now; machines that joined with it stay')
    .argument('<id>', 'as `warren control keys list` shows it')
    .option('--json', 'the ended key as JSON', false)
    .action(async (id: string, { json }: JsonOption) => {
      const ended = await clientOf(expire, context).expireKey(id);
      if (json) context.terminal.printJson(ended);
      else context.terminal.note(`The key ${ended.id} lets nobody in any more.`);
    });
  describe(expire, [['warren control keys expire k3n9x2m4p7qa', '']]);
  describe(keys, [['warren control keys create --reusable', 'a key for several machines']]);
}

/** The id of a node given by id, name, or a name's first label. */
async function nodeIdOf(client: AdminClient, wanted: string): Promise<number> {
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

function defineNodes(control: Command, context: CliContext): void {
  const nodes = control.command('nodes').description('machines that joined').helpCommand(false);
  const list = nodes
    .command('list')
    .description('all machines')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(list, context).listNodes();
      if (json) context.terminal.printJson(all);
      else for (const line of renderNodes(all, Date.now())) context.terminal.print(line);
    });
  describe(list, [['warren control nodes list', 'a row per machine']]);
  const remove = nodes
    .command('delete')
    .description('forget a machine: its peers drop it, and it has to join again')
    .argument('<node>', 'id, name, or the first label of a name')
    .option('--json', 'the deleted node as JSON', false)
    .action(async (wanted: string, { json }: JsonOption) => {
      const client = clientOf(remove, context);
      const gone = await client.deleteNode(await nodeIdOf(client, wanted));
      if (json) context.terminal.printJson(gone);
      else context.terminal.note(`${gone.name} is forgotten.`);
    });
  describe(remove, [
    ['warren control nodes delete printer', 'by name'],
    ['warren control nodes delete 7', 'by id'],
  ]);
  describe(nodes, [['warren control nodes list', 'who is there']]);
}

export function defineControl(command: Command, context: CliContext): void {
  command
    .helpCommand(false)
    .option('--admin-socket <path>', "the hub's admin socket", DEFAULT_ADMIN_SOCKET_PATH);
  defineKeys(command, context);
  defineNodes(command, context);
  describe(command, [
    ['warren control keys create', 'a key for one machine'],
    ['warren control nodes list', 'who joined'],
    ['warren control --admin-socket /tmp/hub.sock keys list', 'another hub on this machine'],
  ]);
}
