/** `warren control backup`: a copy of the hub's database while it runs. */
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileError } from '@warren/shell/files/atomic-file';
import type { Command } from 'commander';
import type { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { clientOf, type JsonOption } from './shared.js';

/** Writes what a hub elsewhere sends into a new file that only its owner reads. */
async function download(client: AdminClient, file: string): Promise<{ readonly file: string }> {
  const parts = await client.download();
  const output = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  try {
    await once(output, 'open');
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'create', error);
  }
  try {
    for await (const part of parts) if (!output.write(part)) await once(output, 'drain');
    output.end();
    await once(output, 'close');
    return { file };
  } catch (error) {
    output.destroy();
    rmSync(file, { force: true });
    throw error;
  }
}

export function defineBackup(control: Command, context: CliContext): void {
  const command = control
    .command('backup')
    .description("copy the hub's database into a new file; the hub runs on")
    .argument('<file>', 'must not exist yet; on this machine, also with --server')
    .option('--json', 'the path as JSON', false)
    .action(async (file: string, { json }: JsonOption) => {
      const client = clientOf(command, context);
      const path = resolve(file);
      const made = await (client.isLocal ? client.backup(path) : download(client, path));
      if (json) context.terminal.printJson(made);
      else context.terminal.note(`The backup is ${made.file}.`);
    });
  describe(command, [['warren control backup /root/control-$(date +%F).db', 'one a day']]);
}
