/** `warren why PEER`: why a peer is reached as it is, and what would make the path direct. */
import type { WhyReport } from '@warren/node/local-api/why-report';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_DONE } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { renderWhy } from '../render/why-report.js';

interface WhyOptions {
  readonly json: boolean;
}

const EXIT_RELAYED = 1;
const EXIT_NO_WAY = 2;

const EXIT_CODES: Readonly<Record<WhyReport['verdict'], number>> = {
  direct: EXIT_DONE,
  relayed: EXIT_RELAYED,
  unreachable: EXIT_NO_WAY,
};

export function defineWhy(command: Command, context: CliContext): void {
  command
    .argument('<peer>', 'name, first label of a name, or overlay address')
    .option('--json', 'as JSON', false)
    .action(async (peer: string, { json }: WhyOptions) => {
      const { terminal } = context;
      const report = await new LocalClient(socketPathOf(command), context.signal).why(peer);
      context.exitCode = EXIT_CODES[report.verdict];
      if (json) {
        terminal.printJson(report);
        return;
      }
      const style = { direct: 'green', relayed: 'yellow', unreachable: 'red' } as const;
      const [verdict = '', ...lines] = renderWhy(report);
      terminal.print(terminal.paint(style[report.verdict], verdict));
      for (const line of lines) terminal.print(line);
    });
  describe(
    command,
    [
      ['warren why printer', 'both NATs, what was tried, and what to change'],
      ['warren why --json 100.64.0.7', '{"verdict":"relayed","rule":"both-hard",...}'],
    ],
    [
      [0, 'direct'],
      [1, 'relayed'],
      [2, 'unreachable'],
      [3, 'no such peer, or this node is not running'],
    ],
  );
}
