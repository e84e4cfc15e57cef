/** `warren control audit`: who changed what on a hub. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { renderAudit } from '../../render/api-tables.js';
import { clientOf, type JsonOption } from './shared.js';

/** A screen or two. */
const LIMIT_DEFAULT = 50;
/** Of one answer of the hub. */
const LIMIT_MAX = 1000;

function parseLimit(text: string): number {
  const limit = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
  if (limit > 0 && limit <= LIMIT_MAX) return limit;
  throw new InvalidArgumentError(`give a number from 1 to ${LIMIT_MAX}.`);
}

export function defineAudit(control: Command, context: CliContext): void {
  const command = control
    .command('audit')
    .description('who changed what: over the admin socket, with a token, or with an approval code')
    .addOption(
      new Option('-n, --limit <number>', 'of the newest entries')
        .argParser(parseLimit)
        .default(LIMIT_DEFAULT),
    )
    .option('--json', 'as JSON, the newest first', false)
    .action(async ({ json, limit }: JsonOption & { readonly limit: number }) => {
      const entries = await clientOf(command, context).audit(limit);
      if (json) context.terminal.printJson(entries);
      else for (const line of renderAudit(entries)) context.terminal.print(line);
    });
  describe(command, [
    ['warren control audit', 'the latest below'],
    ['warren control audit -n 1000 --json', 'for a file elsewhere'],
  ]);
}
