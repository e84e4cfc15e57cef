/** `warren control logins`: machines that wait for a person, and codes for the approval page. */
import { type Command, Option } from 'commander';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { renderLogins } from '../../render/control-tables.js';
import { clientOf, type JsonOption, parseLife } from './shared.js';

/** As long as a person needs from the telephone to the browser, with a break. */
const CODE_EXPIRY_MS = 3_600_000;

const ID = '<id>';
const ID_HELP = 'the last part of the address that the machine shows, or the whole address';

/** The id of a login given by id or address. */
export function loginIdOf(given: string): string {
  return given.trim().replace(/\/+$/, '').split('/').at(-1) ?? '';
}

interface ApproveOptions extends JsonOption {
  readonly user?: string;
}

function defineApprove(logins: Command, context: CliContext): void {
  const command = logins
    .command('approve')
    .description('let a machine in: compare its key with what the machine shows')
    .argument(ID, ID_HELP)
    .option('--user <name>', 'who owns the machine; made when new (default: owner)')
    .option('--json', 'the node as JSON', false)
    .action(async (id: string, options: ApproveOptions) => {
      const node = await clientOf(command, context).approveLogin(loginIdOf(id), options.user);
      if (options.json) context.terminal.printJson(node);
      else context.terminal.note(`${node.name} is in, as a machine of ${node.user}.`);
    });
  describe(command, [
    [
      'warren control logins approve https://hub/register/4k…',
      'the address, as the machine has it',
    ],
    ['warren control logins approve 4kq0… --user ann', "as one of Ann's machines"],
  ]);
}

function defineReject(logins: Command, context: CliContext): void {
  const command = logins
    .command('reject')
    .description('turn a machine away; it has to begin again')
    .argument(ID, ID_HELP)
    .option('--json', 'the login as JSON', false)
    .action(async (id: string, { json }: JsonOption) => {
      const login = await clientOf(command, context).rejectLogin(loginIdOf(id));
      if (json) context.terminal.printJson(login);
      else context.terminal.note('It was turned away.');
    });
  describe(command, [['warren control logins reject 4kq0…', 'nobody here has started that']]);
}

interface CodeOptions extends JsonOption {
  readonly user?: string;
  readonly reusable: boolean;
  readonly expiry: number | 'never';
}

function defineCode(logins: Command, context: CliContext): void {
  const command = logins
    .command('code')
    .description('make a code for the approval page; it is shown once and never stored')
    .option('--user <name>', 'who owns the machines; made when new (default: owner)')
    .option('--reusable', 'for any number of machines', false)
    .addOption(
      new Option('--expiry <duration>', 'how long it is good for; or never')
        .argParser(parseLife)
        .default(CODE_EXPIRY_MS, '1h'),
    )
    .option('--json', 'the code and its properties as JSON', false)
    .action(async ({ user, reusable, expiry, json }: CodeOptions) => {
      const client = clientOf(command, context);
      const created = await client.createCode({
        reusable,
        expiresInMs: expiry === 'never' ? null : expiry,
        ...(user === undefined ? {} : { user }),
      });
      if (json) {
        context.terminal.printJson(created);
        return;
      }
      // The code alone on stdout; it is shown this once.
      context.terminal.print(created.code);
      const machines = created.reusable ? 'machines' : 'one machine';
      context.terminal.note(
        `Whoever has it lets ${machines} in, as ${created.user}. On the machine that joins:`,
      );
      context.terminal.note(`  warren up --login-server '${await client.pinnedUrl()}'`);
    });
  describe(command, [
    ['warren control logins code --user ann', 'read it to Ann; it lets in one machine of hers'],
    ['warren control logins code --reusable --expiry 30d', 'for your own password manager'],
  ]);
}

export function defineLogins(control: Command, context: CliContext): void {
  const logins = control
    .command('logins')
    .description('machines that wait to be let in')
    .helpCommand(false);
  const list = logins
    .command('list')
    .description('all that wait; each for 15 minutes')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(list, context).listLogins();
      if (json) context.terminal.printJson(all);
      else for (const line of renderLogins(all, Date.now())) context.terminal.print(line);
    });
  describe(list, [['warren control logins list', 'the one that waits longest first']]);
  defineApprove(logins, context);
  defineReject(logins, context);
  defineCode(logins, context);
  describe(logins, [
    ['warren control logins list', 'who wants in'],
    ['warren control logins code --user ann', 'let Ann approve one herself, in a browser'],
  ]);
}
