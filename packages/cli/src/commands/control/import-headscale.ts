/** `warren control import-headscale`: users and machines of a headscale into a hub. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { usageError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { renderHeadscaleImport } from '../../render/api-tables.js';
import { clientOf, type JsonOption } from './shared.js';

interface ImportOptions extends JsonOption {
  readonly dryRun: boolean;
}

export function defineImportHeadscale(control: Command, context: CliContext): void {
  const command = control
    .command('import-headscale')
    .description("take over users and machines from headscale 0.28's SQLite database")
    .argument('<file>', 'such as /var/lib/headscale/db.sqlite; the hub reads it')
    .option('--dry-run', 'say what would become of it, and change nothing', false)
    .option('--json', 'as JSON', false)
    .action(async (file: string, { json, dryRun }: ImportOptions) => {
      const client = clientOf(command, context);
      if (!client.isLocal) {
        throw usageError(
          'a database is imported on the machine of the hub',
          'log in there and leave --server out',
        );
      }
      const report = await client.importHeadscale(resolve(file), dryRun);
      if (json) context.terminal.printJson(report);
      else for (const line of renderHeadscaleImport(report)) context.terminal.print(line);
    });
  describe(command, [
    ['warren control import-headscale /var/lib/headscale/db.sqlite --dry-run', 'look first'],
    ['warren control import-headscale /var/lib/headscale/db.sqlite', 'headscale must be stopped'],
  ]);
}
