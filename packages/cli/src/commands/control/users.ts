/** `warren control users`: who owns machines and keys. */
import type { Command } from 'commander';
import type { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { renderUsers } from '../../render/control-tables.js';
import { clientOf, type JsonOption } from './shared.js';

const USER = '<user>';
const USER_HELP = 'id, name, or what stands before its @';

interface NamesOption extends JsonOption {
  readonly displayName?: string;
}

/** The id of a user given by id or name. */
async function userIdOf(client: AdminClient, wanted: string): Promise<number> {
  if (/^\d{1,15}$/.test(wanted)) return Number(wanted);
  const users = await client.listUsers();
  const name = wanted.toLowerCase();
  const found =
    users.find((user) => user.name.toLowerCase() === name) ??
    users.find((user) => user.name.toLowerCase().split('@', 1)[0] === name);
  if (found !== undefined) return found.id;
  throw new CliError(
    'USER_UNKNOWN',
    `the hub has no user called ${wanted}`,
    '`warren control users list` shows them all',
  );
}

function requestOf(name: string, { displayName }: NamesOption) {
  return displayName === undefined ? { name } : { name, displayName };
}

function defineCreate(users: Command, context: CliContext): void {
  const command = users
    .command('create')
    .description('make a user')
    .argument('<name>', 'such as ann, or ann@example.net')
    .option('--display-name <text>', 'what people see')
    .option('--json', 'the user as JSON', false)
    .action(async (name: string, options: NamesOption) => {
      const made = await clientOf(command, context).createUser(requestOf(name, options));
      if (options.json) context.terminal.printJson(made);
      else context.terminal.note(`There is a user ${made.name} now, with the id ${made.id}.`);
    });
  describe(command, [
    ['warren control users create ann', 'then: warren control keys create --user ann'],
    ["warren control users create ann --display-name 'Ann Lee'", ''],
  ]);
}

function defineRename(users: Command, context: CliContext): void {
  const command = users
    .command('rename')
    .description('give a user another name; machines and keys stay')
    .argument(USER, USER_HELP)
    .argument('<name>', 'the new one')
    .option('--display-name <text>', 'what people see')
    .option('--json', 'the user as JSON', false)
    .action(async (wanted: string, name: string, options: NamesOption) => {
      const client = clientOf(command, context);
      const id = await userIdOf(client, wanted);
      const renamed = await client.renameUser(id, requestOf(name, options));
      if (options.json) context.terminal.printJson(renamed);
      else context.terminal.note(`${wanted} is ${renamed.name} now.`);
    });
  describe(command, [['warren control users rename ann bea', '']]);
}

function defineDelete(users: Command, context: CliContext): void {
  const command = users
    .command('delete')
    .description('forget a user without machines, and its keys')
    .argument(USER, USER_HELP)
    .option('--json', 'the deleted user as JSON', false)
    .action(async (wanted: string, { json }: JsonOption) => {
      const client = clientOf(command, context);
      const gone = await client.deleteUser(await userIdOf(client, wanted));
      if (json) context.terminal.printJson(gone);
      else context.terminal.note(`${gone.name} is forgotten.`);
    });
  describe(command, [['warren control users delete ann', '']]);
}

export function defineUsers(control: Command, context: CliContext): void {
  const users = control
    .command('users')
    .description('who owns machines and keys')
    .helpCommand(false);
  const list = users
    .command('list')
    .description('all users')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(list, context).listUsers();
      if (json) context.terminal.printJson(all);
      else for (const line of renderUsers(all)) context.terminal.print(line);
    });
  describe(list, [['warren control users list', 'with what each of them owns']]);
  defineCreate(users, context);
  defineRename(users, context);
  defineDelete(users, context);
  describe(users, [['warren control users create ann', 'an owner for machines']]);
}
