/** `warren control nodes routes|approve-routes`: which networks machines lead to. */
import type { NodeInfo } from '@warren/servers/control/admin-types';
import type { Command } from 'commander';
import type { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { renderRoutes } from '../../render/control-tables.js';
import { clientOf, type JsonOption, NODE, NODE_HELP, nodeIdOf } from './shared.js';

export function defineRoutes(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('routes')
    .description('networks behind machines, and exit nodes: announced, approved, carried')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(command, context).listNodes();
      const routers = all.filter(
        ({ routes }) => routes.announced.length > 0 || routes.approved.length > 0,
      );
      if (json) {
        context.terminal.printJson(
          routers.map(({ id, name, routes }) => ({ id, name, ...routes })),
        );
        return;
      }
      for (const line of renderRoutes(routers)) context.terminal.print(line);
    });
  describe(command, [['warren control nodes routes', 'a row per route of a machine']]);
}

interface ApproveRoutesOptions extends JsonOption {
  readonly all: boolean;
  readonly none: boolean;
}

export function defineApproveRoutes(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('approve-routes')
    .description('let a machine serve the networks behind it, or be an exit node')
    .argument(NODE, NODE_HELP)
    .argument(
      '[routes...]',
      'prefixes, in place of those approved before; 0.0.0.0/0 for an exit node',
    )
    .option('--all', 'all that it announces now', false)
    .option('--none', 'none any more', false)
    .option('--json', 'the node as JSON', false)
    .action(async (wanted: string, given: readonly string[], options: ApproveRoutesOptions) => {
      const ways = [given.length > 0, options.all, options.none].filter((is) => is).length;
      if (ways !== 1) {
        throw new CliError(
          'USAGE',
          'give routes, --all or --none',
          'see the examples under --help',
        );
      }
      const client = clientOf(command, context);
      const id = await nodeIdOf(client, wanted);
      const routes = options.all ? await announcedBy(client, id, wanted) : given;
      const node = await client.approveRoutes(id, routes);
      if (options.json) context.terminal.printJson(node);
      else context.terminal.note(approvedSentence(node));
    });
  describe(command, [
    ['warren control nodes approve-routes office 192.168.7.0/24', 'the network behind `office`'],
    ['warren control nodes approve-routes gate 0.0.0.0/0', 'an exit node, for both families'],
    ['warren control nodes approve-routes office --none', 'not any more'],
  ]);
}

async function announcedBy(
  client: AdminClient,
  id: number,
  wanted: string,
): Promise<readonly string[]> {
  const node = (await client.listNodes()).find((one) => one.id === id);
  const announced = node?.routes.announced ?? [];
  if (announced.length > 0) return announced;
  throw new CliError(
    'NO_ROUTES',
    `${node?.name ?? wanted} announces no routes`,
    'name them, to approve them before; the machine announces some with `warren set --advertise-routes=...`',
  );
}

function approvedSentence({ name, routes }: NodeInfo): string {
  if (routes.approved.length === 0) return `No route of ${name} is approved by hand any more.`;
  const waiting = routes.approved.filter((route) => !routes.announced.includes(route));
  const rest = waiting.length === 0 ? '' : ` It does not announce ${waiting.join(', ')} yet.`;
  return `${name} may serve ${routes.approved.join(', ')}.${rest}`;
}
