/** `warren set`: changes settings of the running daemon, which keeps them over restarts; without flags shows them. */
import type { StaticEndpoint } from '@warren/node/config/static-endpoints';
import type { SettingsReport, SettingsRequest } from '@warren/node/local-api/protocol';
import { type Command, Option } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import {
  acceptDnsOption,
  parseHostName,
  parseSwitch,
  replaceEndpoints,
  socketPathOf,
} from '../options.js';
import { printable } from '../render/printable.js';
import { addRouteOptions, type RouteOptions, renderRoutes, routesOf } from '../route-options.js';

interface SetOptions extends RouteOptions {
  readonly staticEndpoint?: readonly StaticEndpoint[];
  readonly hostname?: string;
  readonly hardNats?: boolean;
  readonly acceptDns?: boolean;
  readonly json: boolean;
}

function requestOf(options: SetOptions): SettingsRequest {
  const { staticEndpoint, hostname, hardNats, acceptDns } = options;
  const routes = routesOf(options);
  return {
    ...(staticEndpoint === undefined ? {} : { staticEndpoints: staticEndpoint }),
    ...(hostname === undefined ? {} : { hostName: hostname }),
    ...(hardNats === undefined ? {} : { hardNats }),
    ...(acceptDns === undefined ? {} : { acceptDns }),
    ...(routes === undefined ? {} : { routes }),
  };
}

/** A line a setting, as people read it. */
export function renderSettings(settings: SettingsReport): string[] {
  const { set, started, inUse } = settings.staticEndpoints;
  const list = (endpoints: readonly string[]): string =>
    endpoints.length === 0 ? 'none' : endpoints.map(printable).join(', ');
  const fromStart = started.length === 0 ? [] : [`  from the daemon's start: ${list(started)}`];
  const isAsWritten = [...started, ...set].every((endpoint) => inUse.includes(endpoint));
  return [
    `hostname: ${printable(settings.hostName)}`,
    `static endpoints: ${list(set)}`,
    ...fromStart,
    ...(isAsWritten ? [] : [`  with names looked up: ${list(inUse)}`]),
    `health port: ${settings.healthPort ?? 'none'}`,
    `ports of hard NATs are guessed: ${settings.hardNats ? 'yes' : 'no'}`,
    `DNS settings of the network are used: ${settings.acceptDns === false ? 'no' : 'yes'}`,
    ...(settings.routes === undefined ? [] : renderRoutes(settings.routes)),
    `configuration: ${printable(settings.configFile)}`,
  ];
}

export function defineSet(command: Command, context: CliContext): void {
  addRouteOptions(command);
  command
    .addOption(
      new Option(
        '--static-endpoint <address:port>',
        'where peers can reach this machine besides what it finds itself; replaces what was set before; may be repeated; empty: none',
      ).argParser(replaceEndpoints),
    )
    .addOption(
      new Option('--hostname <name>', 'how this machine is called in the network').argParser(
        parseHostName,
      ),
    )
    .addOption(
      new Option(
        '--hard-nats <on|off>',
        'whether ports of hard NATs are foretold and guessed',
      ).argParser(parseSwitch),
    )
    .addOption(acceptDnsOption())
    .option('--json', 'all settings as JSON', false)
    .action(async (options: SetOptions) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      const request = requestOf(options);
      const isChange = Object.keys(request).length > 0;
      const settings = await (isChange ? client.changeSettings(request) : client.settings());
      if (options.json) context.terminal.printJson(settings);
      else for (const line of renderSettings(settings)) context.terminal.print(line);
    });
  describe(
    command,
    [
      ['warren set', 'show the settings'],
      ['warren set --static-endpoint 192.0.2.20:41641', 'a load balancer in front of this machine'],
      ['warren set --static-endpoint vpn.example.com:41641', 'a name, looked up again and again'],
      ['warren set --static-endpoint=', 'none any more, but for those of the start'],
      ['warren set --hostname desk-2', 'another name'],
      ['warren set --advertise-routes 192.168.1.0/24', 'a network behind this machine'],
      ['warren set --exit-node fra-1', 'the way to the internet'],
      ['warren set --accept-dns=false', "the system's DNS stays as it is"],
      ['warren set --hard-nats=off', 'no guessing of ports: such pairs use a relay'],
    ],
    [
      [0, 'done'],
      [1, 'the daemon refused it'],
    ],
  );
}
