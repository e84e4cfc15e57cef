/** `warren exit-node list`: peers to reach the internet through. */
import type { PeerStatus } from '@warren/node/local-api/protocol';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { printable } from '../render/printable.js';
import { renderTable } from '../render/table.js';

const EXIT_NONE = 1;

export interface ExitNodeRow {
  readonly name: string;
  readonly address: string;
  readonly online: boolean | null;
  readonly selected: boolean;
}

export function exitNodeRows(peers: readonly PeerStatus[]): ExitNodeRow[] {
  return peers
    .filter(({ exitNodeOption }) => exitNodeOption === true)
    .map(({ name, hostName, addresses, online, exitNode }) => ({
      name: name === '' ? hostName : name,
      address: addresses[0] ?? '',
      online,
      selected: exitNode === true,
    }));
}

function stateOf({ online, selected }: ExitNodeRow): string {
  const state = selected ? 'selected' : '-';
  return online === false ? `${state}; offline` : state;
}

function defineList(exitNode: Command, context: CliContext): void {
  const command = exitNode
    .command('list')
    .description('peers that offer to be one')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const { peers } = await new LocalClient(socketPathOf(command), context.signal).status();
      const rows = exitNodeRows(peers);
      if (json) {
        context.terminal.printJson({ exitNodes: rows });
        return;
      }
      if (rows.length === 0) {
        context.terminal.note('No peer offers to be an exit node.');
        context.exitCode = EXIT_NONE;
        return;
      }
      const lines = rows.map((row) => [row.address, printable(row.name), stateOf(row)]);
      for (const line of renderTable([['IP', 'HOSTNAME', 'STATUS'], ...lines])) {
        context.terminal.print(line);
      }
      context.terminal.note('To use one, run `warren set --exit-node=` with its name or IP.');
    });
  describe(
    command,
    [
      ['warren exit-node list', 'a line a peer'],
      ['warren exit-node list --json', '{"exitNodes":[{"name":"...","selected":false,...}]}'],
    ],
    [
      [0, 'there are some, or JSON was wanted'],
      [1, 'there is none'],
    ],
  );
}

export function defineExitNode(command: Command, context: CliContext): void {
  defineList(command, context);
}
