/** `warren control keys`: what lets machines in. */
import { type Command, Option } from 'commander';
import type { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { collect } from '../../options.js';
import { renderKeys } from '../../render/control-tables.js';
import { renderJoin } from '../../render/server-lines.js';
import { clientOf, type JsonOption, parseLife } from './shared.js';

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
        .argParser(parseLife)
        .default(DEFAULT_EXPIRY_MS, '24h'),
    )
    .option('--user <name>', 'who owns its machines; made when new (default: owner)')
    .option('--tag <tag:name>', 'a tag for its machines; repeatable', collect)
    .option('--json', 'the key and its properties as JSON', false)
    .action((options: CreateOptions) => createKey(options, clientOf(command, context), context));
  describe(command, [
    ['warren control keys create', 'for one machine, within a day'],
    ['warren control keys create --reusable --expiry 7d', 'for a whole office'],
    ['warren control keys create --ephemeral --tag tag:ci --json', 'for jobs that come and go'],
  ]);
}

export function defineKeys(control: Command, context: CliContext): void {
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
