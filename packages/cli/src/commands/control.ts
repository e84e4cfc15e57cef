/** `warren control`: what operators do on a hub, here or elsewhere, and control without a hub; a folder with a file per noun. */
import { type Command, Option } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { DEFAULT_ADMIN_SOCKET_PATH } from '../options.js';
import { defineAudit } from './control/audit.js';
import { defineBackup } from './control/backup.js';
import { defineImportHeadscale } from './control/import-headscale.js';
import { defineKeys } from './control/keys.js';
import { defineLogins } from './control/logins.js';
import { defineNodes } from './control/nodes.js';
import { definePolicy } from './control/policy.js';
import { defineServe } from './control/serve.js';
import { defineSshChecks } from './control/ssh-checks.js';
import { defineTokens } from './control/tokens.js';
import { defineUsers } from './control/users.js';

export function defineControl(command: Command, context: CliContext): void {
  command
    .helpCommand(false)
    .option('--admin-socket <path>', "the hub's admin socket", DEFAULT_ADMIN_SOCKET_PATH)
    .addOption(
      new Option('--server <url>', 'a hub elsewhere, as `tokens create` printed its address').env(
        'WARREN_CONTROL_SERVER',
      ),
    )
    .addOption(
      new Option(
        '--token-file <file>',
        "the hub's token, for --server; or itself in $WARREN_CONTROL_TOKEN",
      ).env('WARREN_CONTROL_TOKEN_FILE'),
    );
  defineKeys(command, context);
  defineLogins(command, context);
  defineNodes(command, context);
  defineUsers(command, context);
  definePolicy(command, context);
  defineTokens(command, context);
  defineAudit(command, context);
  defineSshChecks(command, context);
  defineBackup(command, context);
  defineImportHeadscale(command, context);
  defineServe(command, context);
  describe(command, [
    ['warren control keys create', 'a key for one machine'],
    ['warren control logins list', 'who waits to be let in'],
    ['warren control nodes list', 'who joined'],
    ['warren control users list', 'who owns them'],
    ['warren control policy check /etc/warren/policy.hujson', 'before it counts'],
    ['warren control --admin-socket /tmp/hub.sock keys list', 'another hub on this machine'],
    [
      'warren control --server https://hub.example.net --token-file t nodes list',
      'a hub elsewhere',
    ],
  ]);
}
