/** `warren relay`: a relay with STUN in the foreground, for a hub's map. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { loadPart } from '../optional-package.js';
import { renderRelayReady } from '../render/server-lines.js';
import {
  addServerOptions,
  requireServerPorts,
  type ServerOptions,
  serverParts,
} from '../server-options.js';

async function runRelayCommand(options: ServerOptions, context: CliContext): Promise<void> {
  requireServerPorts(options);
  context.isServer = true;
  const { runRelay } = await loadPart(
    '@warren/servers',
    () => import('@warren/servers/relay/run-relay'),
  );
  const relay = await runRelay(await serverParts(options, context));
  const { region, regionFile, port, stunPort } = relay;
  if (options.json) {
    context.terminal.printJsonLine({
      ready: { port, stunPort: stunPort ?? null, regionFile, region },
    });
  } else {
    const [node] = region.Nodes;
    for (const line of renderRelayReady({
      host: node?.HostName ?? '',
      port,
      stunPort,
      regionId: region.RegionID,
      regionCode: region.RegionCode,
      regionFile,
    })) {
      context.terminal.print(line);
    }
  }
  await relay.closed;
}

export function defineRelay(command: Command, context: CliContext): void {
  addServerOptions(command, { kind: 'relay', regionId: 901, regionName: 'Relay' }).action(
    (options: ServerOptions) => runRelayCommand(options, context),
  );
  describe(command, [
    ['warren relay --host relay.example.net', 'on TCP 443 and UDP 3478'],
    ['warren relay --listen :8443 --region-id 902 --region-code fra', 'a second one'],
    [
      'warren hub --derp-region-file relay-state/derp-region.json',
      'on the hub: hand the relay to everybody',
    ],
  ]);
}
