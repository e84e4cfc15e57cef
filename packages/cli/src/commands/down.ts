/** `warren down`: traffic stops, the login and the daemon stay. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';

export function defineDown(command: Command, context: CliContext): void {
  command
    .option('--json', '{"state": "Stopped"} as JSON', false)
    .action(async (options: { readonly json: boolean }) => {
      await new LocalClient(socketPathOf(command), context.signal).down();
      if (options.json) context.terminal.printJson({ state: 'Stopped' });
      else
        context.terminal.note(
          'Warren is stopped; `warren up` connects again, without a new login.',
        );
    });
  describe(command, [['warren down', 'no traffic goes in or out until the next `warren up`']]);
}
