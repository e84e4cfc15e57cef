/** `warren debug`: what the parts of the running node know, for when something is not as expected. */
import type { PortMapReport } from '@warren/node/local-api/portmap-report';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_DONE } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { renderPortMap } from '../render/portmap-report.js';

const EXIT_NOT_MAPPED = 1;

/** 0: some protocol has a mapping that is not known to be dead. */
export function portMapOutcome({ routers }: PortMapReport): number {
  const states = routers.flatMap(({ protocols }) => protocols.map(({ state }) => state));
  return states.includes('mapped') ? EXIT_DONE : EXIT_NOT_MAPPED;
}

function definePortMap(debug: Command, context: CliContext): void {
  const command = debug
    .command('portmap')
    .description('which routers map ports by which protocols, and what is mapped')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      const report = await client.portMap();
      context.exitCode = portMapOutcome(report);
      if (json) context.terminal.printJson(report);
      else for (const line of renderPortMap(report)) context.terminal.print(line);
    });
  describe(
    command,
    [
      ['warren debug portmap', 'asks the routers anew; takes up to six seconds'],
      ['warren debug portmap --json', '{"enabled":true,"seen":"203.0.113.9:41641",...}'],
    ],
    [
      [0, 'a port is mapped'],
      [1, 'none is'],
    ],
    [
      ['mapped', 'by this protocol; peers are told when strangers could use it'],
      ['ready', 'it answers; another protocol maps, or nothing is to be mapped'],
      ['dead', 'the mapping stands and nothing comes through it'],
      ['failed', 'no answer, or a refusal'],
    ],
  );
}

export function defineDebug(command: Command, context: CliContext): void {
  definePortMap(command, context);
}
