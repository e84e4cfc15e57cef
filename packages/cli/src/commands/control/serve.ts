/** `warren control serve`: control without a relay beside it; machines use the relays of region files. */
import type { Command, Option } from 'commander';
import type { CliContext } from '../../context.js';
import { usageError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { addServerOptions } from '../../server-options.js';
import { addControlOptions, type HubOptions, runHubCommand } from '../hub.js';

/** Flags of every server that speak of the relay which is not there. */
const RELAY_FLAGS = [
  '--stun-port',
  '--stun-alternate-port',
  '--stun-alternate-address',
  '--no-stun',
  '--region-id',
  '--region-code',
  '--region-name',
];

function relayOptions(command: Command): readonly Option[] {
  return command.options.filter(({ long }) => RELAY_FLAGS.includes(long ?? ''));
}

async function serve(command: Command, context: CliContext): Promise<void> {
  const options = command.optsWithGlobals<HubOptions>();
  const stray = relayOptions(command).find(
    (option) => command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (stray !== undefined) {
    throw usageError(
      `${stray.long ?? ''} is of a relay, and there is none here`,
      'leave it out, or run `warren hub`',
    );
  }
  // Without any, machines would wait for a relay for ever.
  const { derpRegionFile = [], derpMapUrl = [], derpMapFile = [] } = options;
  if (derpRegionFile.length + derpMapUrl.length + derpMapFile.length === 0) {
    throw usageError(
      'no relay: machines could not reach each other at first',
      'give --derp-region-file, as `warren relay` writes it, or --derp-map-url; or run `warren hub`, which has a relay',
    );
  }
  await runHubCommand({ ...options, relay: false }, context);
}

export function defineServe(control: Command, context: CliContext): void {
  const command = control
    .command('serve')
    .description('run a control server without a relay, in the foreground');
  addServerOptions(command, { kind: 'hub', regionId: 900, regionName: 'Hub' });
  for (const option of relayOptions(command)) option.hideHelp();
  addControlOptions(command).action(() => serve(command, context));
  describe(command, [
    ['warren control serve --derp-region-file /root/west.json', 'beside `warren relay` elsewhere'],
    [
      'warren control serve --derp-map-url https://controlplane.tailscale.com/derpmap/default',
      "with Tailscale's relays",
    ],
  ]);
}
