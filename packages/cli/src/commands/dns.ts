/** `warren dns`: what the node's resolver was told, and what it answers. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_DONE, EXIT_FAILED } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { renderDnsQuery, renderDnsStatus } from '../render/dns-report.js';

/** The resolver failed, apart from "there is no such name". */
const EXIT_NO_ANSWER = 2;

const EXIT_CODES: Readonly<Record<string, number>> = {
  NOERROR: EXIT_DONE,
  NXDOMAIN: EXIT_FAILED,
};

function defineStatus(dns: Command, context: CliContext): void {
  const command = dns
    .command('status')
    .description('settings of the network, and what this system does with them')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const status = await new LocalClient(socketPathOf(command), context.signal).dnsStatus();
      if (json) context.terminal.printJson(status);
      else for (const line of renderDnsStatus(status)) context.terminal.print(line);
    });
  describe(command, [
    ['warren dns status', 'resolvers, routes, search domains; who sets the DNS of the system'],
    [
      'warren dns status --json',
      '{"acceptDns":true,"magicDns":true,"suffix":"warren.internal",...}',
    ],
  ]);
}

function defineQuery(dns: Command, context: CliContext): void {
  const command = dns
    .command('query')
    .description("asks the node's own resolver, whatever the system asks")
    .argument('<name>', 'the whole name, such as alpha.warren.internal')
    .argument('[type]', 'A, AAAA, PTR, TXT ... or TYPE65', 'A')
    .option('--json', 'as JSON', false)
    .action(async (name: string, type: string, { json }: { readonly json: boolean }) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      const report = await client.dnsQuery(name, type);
      context.exitCode = EXIT_CODES[report.rcode] ?? EXIT_NO_ANSWER;
      if (json) context.terminal.printJson(report);
      else for (const line of renderDnsQuery(report)) context.terminal.print(line);
    });
  describe(
    command,
    [
      ['warren dns query alpha.warren.internal', 'its address'],
      ['warren dns query alpha.warren.internal AAAA --json', 'as JSON'],
      ['warren dns query www.example.com', 'whom the resolver asks, and what it says'],
    ],
    [
      [0, 'the name exists'],
      [1, 'there is no such name'],
      [2, 'nobody could say'],
    ],
  );
}

export function defineDns(command: Command, context: CliContext): void {
  defineStatus(command, context);
  defineQuery(command, context);
}
