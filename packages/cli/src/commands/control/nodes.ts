/** `warren control nodes`: machines that joined. */
import { type Command, Option } from 'commander';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { renderNodes } from '../../render/control-tables.js';
import { renderPaths } from '../../render/path-tables.js';
import { defineApproveRoutes, defineRoutes } from './node-routes.js';
import { defineAddWireGuard, defineWireGuardConfig } from './node-wireguard.js';
import { clientOf, type JsonOption, NODE, NODE_HELP, nodeIdOf, parseLife } from './shared.js';

function defineDelete(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('delete')
    .description('forget a machine: its peers drop it, and it has to join again')
    .argument(NODE, NODE_HELP)
    .option('--json', 'the deleted node as JSON', false)
    .action(async (wanted: string, { json }: JsonOption) => {
      const client = clientOf(command, context);
      const gone = await client.deleteNode(await nodeIdOf(client, wanted));
      if (json) context.terminal.printJson(gone);
      else context.terminal.note(`${gone.name} is forgotten.`);
    });
  describe(command, [
    ['warren control nodes delete printer', 'by name'],
    ['warren control nodes delete 7', 'by id'],
  ]);
}

interface RenameOptions extends JsonOption {
  readonly hostName: boolean;
}

function defineRename(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('rename')
    .description('give a machine a name, which stays whatever its host name becomes')
    .argument(NODE, NODE_HELP)
    .argument('[name]', 'letters, digits and hyphens; nobody else may have it')
    .option('--host-name', 'call it by its host name again', false)
    .option('--json', 'the node as JSON', false)
    .action(async (wanted: string, name: string | undefined, options: RenameOptions) => {
      if ((name === undefined) !== options.hostName) {
        throw new CliError('USAGE', 'give a name or --host-name', 'see the examples under --help');
      }
      const client = clientOf(command, context);
      const renamed = await client.renameNode(await nodeIdOf(client, wanted), name ?? null);
      if (options.json) context.terminal.printJson(renamed);
      else context.terminal.note(`It is ${renamed.name} now.`);
    });
  describe(command, [
    ['warren control nodes rename desk-1 printer', 'printer.warren.internal from now on'],
    ['warren control nodes rename printer --host-name', 'as the machine calls itself'],
  ]);
}

interface TagOptions extends JsonOption {
  readonly user?: string;
}

function defineTag(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('tag')
    .description(
      "give a machine tags in place of its owner (its key doesn't expire then), or an owner again",
    )
    .argument(NODE, NODE_HELP)
    .argument('[tags...]', 'tag:name; all that it is to have')
    .option('--user <name>', 'without tags: who owns it from now on')
    .option('--json', 'the node as JSON', false)
    .action(async (wanted: string, tags: readonly string[], options: TagOptions) => {
      const isGiven = tags.length > 0;
      if (isGiven === (options.user !== undefined)) {
        throw new CliError('USAGE', 'give tags or --user', 'see the examples under --help');
      }
      const client = clientOf(command, context);
      const node = await client.tagNode(await nodeIdOf(client, wanted), tags, options.user);
      if (options.json) context.terminal.printJson(node);
      else if (isGiven) context.terminal.note(`${node.name} has ${node.tags.join(', ')} now.`);
      else context.terminal.note(`${node.name} belongs to ${node.user} now.`);
    });
  describe(command, [
    ['warren control nodes tag web-1 tag:web tag:eu', 'a server, which belongs to nobody'],
    ['warren control nodes tag web-1 --user ann', "one of Ann's machines again"],
  ]);
}

interface ExpireOptions extends JsonOption {
  readonly in?: number | 'never';
}

function defineExpire(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('expire')
    .description("end a machine's key: it has to log in again")
    .argument(NODE, NODE_HELP)
    .addOption(new Option('--in <duration>', 'not now but then; or never').argParser(parseLife))
    .option('--json', 'the node as JSON', false)
    .action(async (wanted: string, options: ExpireOptions) => {
      const client = clientOf(command, context);
      const life = options.in === 'never' ? null : options.in;
      const expired = await client.expireNode(await nodeIdOf(client, wanted), life);
      if (options.json) context.terminal.printJson(expired);
      else
        context.terminal.note(`The key of ${expired.name} ${endOf(expired.keyExpiry, options)}.`);
    });
  describe(command, [
    ['warren control nodes expire laptop', 'a lost machine is out at once'],
    ['warren control nodes expire laptop --in 30d', 'in a month'],
    ['warren control nodes expire laptop --in never', 'take that back'],
  ]);
}

function endOf(keyExpiry: string | null, options: ExpireOptions): string {
  if (keyExpiry === null) return 'never ends';
  return options.in === undefined ? 'has ended' : `ends at ${keyExpiry}`;
}

function definePaths(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('paths')
    .description('how machines reach each other, as they report it')
    .option('--json', 'present and history as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const paths = await clientOf(command, context).listPaths();
      if (json) context.terminal.printJson(paths);
      else for (const line of renderPaths(paths, Date.now())) context.terminal.print(line);
    });
  describe(command, [
    ['warren control nodes paths', 'a row per peer in use, then the latest changes'],
    ['warren control nodes paths --json', '{"present":[...],"history":[...]}'],
  ]);
}

export function defineNodes(control: Command, context: CliContext): void {
  const nodes = control
    .command('nodes')
    .alias('node')
    .description('machines that joined')
    .helpCommand(false);
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
  definePaths(nodes, context);
  defineRoutes(nodes, context);
  defineApproveRoutes(nodes, context);
  defineAddWireGuard(nodes, context);
  defineWireGuardConfig(nodes, context);
  defineRename(nodes, context);
  defineTag(nodes, context);
  defineExpire(nodes, context);
  defineDelete(nodes, context);
  describe(nodes, [
    ['warren control nodes list', 'who is there'],
    ['warren control nodes rename desk-1 printer', 'a better name'],
  ]);
}
