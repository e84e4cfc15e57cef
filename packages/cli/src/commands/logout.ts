/** `warren logout`: ends the login, here and at the control server; the daemon stays. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';

const UNTOLD =
  'The control server could not be told: it takes this machine for one that is away, until somebody deletes it there.';

export function defineLogout(command: Command, context: CliContext): void {
  command
    .option('--json', '{"state": "NeedsLogin", "told": true} as JSON', false)
    .action(async (options: { readonly json: boolean }) => {
      const { told } = await new LocalClient(socketPathOf(command), context.signal).logout();
      if (options.json) {
        context.terminal.printJson({ state: 'NeedsLogin', told });
        return;
      }
      context.terminal.note(
        'Logged out; `warren up` logs in again, with --auth-key KEY or in a browser.',
      );
      if (!told) context.terminal.note(UNTOLD);
    });
  describe(command, [
    ['warren logout', 'the next `warren up` is a new login'],
    ['warren login --auth-key wkey-auth-...', 'back into the same network'],
  ]);
}
