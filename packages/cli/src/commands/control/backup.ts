/** `warren control backup`: a copy of the hub's database while it runs. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { clientOf, type JsonOption } from './shared.js';

export function defineBackup(control: Command, context: CliContext): void {
  const command = control
    .command('backup')
    .description("copy the hub's database into a new file; the hub writes it and runs on")
    .argument('<file>', 'must not exist yet')
    .option('--json', 'the path as JSON', false)
    .action(async (file: string, { json }: JsonOption) => {
      const made = await clientOf(command, context).backup(resolve(file));
      if (json) context.terminal.printJson(made);
      else context.terminal.note(`The backup is ${made.file}.`);
    });
  describe(command, [['warren control backup /root/control-$(date +%F).db', 'one a day']]);
}
