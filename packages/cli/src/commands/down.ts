/** `warren down`: traffic stops, the login stays, and so does the daemon unless told otherwise. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';

export function defineDown(command: Command, context: CliContext): void {
  command
    .option('--end-daemon', 'end the daemon too', false)
    .option('--json', '{"state": "Stopped"} as JSON', false)
    .action(async (options: { readonly json: boolean; readonly endDaemon: boolean }) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      await client.down();
      if (options.endDaemon) await client.shutdown();
      if (options.json) context.terminal.printJson({ state: 'Stopped' });
      else
        context.terminal.note(
          'Warren is stopped; `warren up` connects again, without a new login.',
        );
    });
  describe(command, [
    ['warren down', 'no traffic goes in or out until the next `warren up`'],
    ['warren down --end-daemon', 'the process goes too; `warren up` starts another'],
  ]);
}
