/** `warren control serve`: control without a relay beside it; machines use the relays of region files. */
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { usageError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { addServerOptions } from '../../server-options.js';
import { addControlOptions, type HubOptions, runHubCommand } from '../hub.js';

async function serve(command: Command, context: CliContext): Promise<void> {
  const options = command.optsWithGlobals<HubOptions>();
  // Without any, machines would wait for a relay for ever.
  if ((options.derpRegionFile ?? []).length === 0) {
    throw usageError(
      'no relay: machines could not reach each other at first',
      'give --derp-region-file, as `warren relay` writes it; or run `warren hub`, which has a relay',
    );
  }
  await runHubCommand({ ...options, relay: false }, context);
}

export function defineServe(control: Command, context: CliContext): void {
  const command = control
    .command('serve')
    .description('run a control server without a relay, in the foreground');
  addServerOptions(command, { kind: 'hub', regionId: 900, regionName: 'Hub' });
  addControlOptions(command).action(() => serve(command, context));
  describe(command, [
    ['warren control serve --derp-region-file /root/west.json', 'beside `warren relay` elsewhere'],
  ]);
}
