/** `warren whois ADDRESS|NAME`: which machine and user it belongs to. */
import type { WhoisReport } from '@warren/node/local-api/whois-report';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { printable } from '../render/printable.js';

/** Two blocks, as users of Tailscale know them. */
export function renderWhois({ machine, user }: WhoisReport): string[] {
  const list = (texts: readonly string[]): string => `[${texts.map(printable).join(' ')}]`;
  const lines = [
    'Machine:',
    `  Name:          ${printable(machine.name)}`,
    `  ID:            ${printable(machine.id)}`,
    `  Addresses:     ${list(machine.addresses)}`,
    `  AllowedIPs:    ${list(machine.allowedIps)}`,
  ];
  if (machine.tags.length > 0)
    return [...lines, `  Tags:          ${machine.tags.map(printable).join(', ')}`];
  return [...lines, 'User:', `  Name:     ${printable(user.loginName)}`, `  ID:       ${user.id}`];
}

export function defineWhois(command: Command, context: CliContext): void {
  command
    .argument('<address>', 'an address, with or without port, a name, or the first label of one')
    .option('--json', 'as JSON', false)
    .action(async (wanted: string, { json }: { readonly json: boolean }) => {
      const report = await new LocalClient(socketPathOf(command), context.signal).whois(wanted);
      if (json) context.terminal.printJson(report);
      else for (const line of renderWhois(report)) context.terminal.print(line);
    });
  describe(
    command,
    [
      ['warren whois 100.64.0.7', 'machine and user'],
      ['warren whois 100.64.0.7:51234 --json', 'the other end of a connection, for scripts'],
    ],
    [
      [0, 'done'],
      [3, 'nobody of this network, or this node is not running'],
    ],
  );
}
