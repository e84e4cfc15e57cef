/** `warren daemon`: the node in the foreground, for service managers, containers and a look at its log. */
import { readSettings } from '@warren/node/config/settings';
import type { StaticEndpoint } from '@warren/node/config/static-endpoints';
import {
  DEFAULT_SOCKET_PATH,
  DEFAULT_STATE_DIR,
  DEFAULT_TUN_NAME,
  DEFAULT_UDP_PORT,
} from '@warren/node/local-api/protocol';
import type { LogLevel } from '@warren/shell/log';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { loadPart } from '../optional-package.js';
import {
  configOption,
  healthPortOption,
  mtuOption,
  noPortMappingOption,
  parsePort,
  socketPathOf,
  stateDirOption,
  staticEndpointOption,
} from '../options.js';
import { requireNetworkAdmin } from '../rights.js';
import { addRouteOptions, type RouteOptions, routesOf } from '../route-options.js';
import { LOG_LEVELS } from '../server-options.js';

interface DaemonOptions extends RouteOptions {
  readonly stateDir: string;
  readonly port: number;
  readonly tun: string;
  readonly config?: string;
  readonly staticEndpoint?: readonly StaticEndpoint[];
  readonly healthPort?: number;
  readonly portMapping: boolean;
  readonly mtu?: number;
  readonly logLevel: LogLevel;
  readonly json: boolean;
}

/** IFNAMSIZ is 16 with the terminating zero. */
const LONGEST_INTERFACE_NAME = 15;

/** A network interface's name that Linux accepts. */
export function parseTunName(text: string): string {
  if (
    !/^[A-Za-z0-9_.-]+$/.test(text) ||
    text.length > LONGEST_INTERFACE_NAME ||
    /^\.+$/.test(text)
  ) {
    throw new InvalidArgumentError(
      `use up to ${LONGEST_INTERFACE_NAME} letters, digits, dots, hyphens and underscores.`,
    );
  }
  return text;
}

export function defineDaemon(command: Command, context: CliContext): void {
  addRouteOptions(command);
  command
    .addOption(stateDirOption("where the node's keys and login are kept"))
    .addOption(
      new Option('--port <port>', 'UDP port for peers; 0: any free one')
        .argParser(parsePort)
        .default(DEFAULT_UDP_PORT),
    )
    .addOption(
      new Option('--tun <name>', 'name of the network interface')
        .argParser(parseTunName)
        .default(DEFAULT_TUN_NAME),
    )
    .addOption(staticEndpointOption())
    .addOption(healthPortOption())
    .addOption(noPortMappingOption())
    .addOption(mtuOption())
    .addOption(configOption())
    .addOption(
      new Option('--log-level <level>', 'how much is logged').choices(LOG_LEVELS).default('info'),
    )
    .option('--json', 'a line of JSON when it is ready; the log stays on stderr', false)
    .action(async (options: DaemonOptions) => {
      requireNetworkAdmin('make the network interface');
      context.isServer = true;
      const { runDaemon } = await loadPart(
        '@warren/node',
        () => import('@warren/node/daemon/run-daemon'),
      );
      await runDaemon({
        stateDir: options.stateDir,
        socketPath: socketPathOf(command),
        port: options.port,
        tunName: options.tun,
        settings: readSettings({
          configFile: options.config,
          staticEndpoints: options.staticEndpoint ?? [],
          healthPort: options.healthPort,
          portMapping: options.portMapping,
          mtuBytes: options.mtu,
          routes: routesOf(options) ?? {},
          environment: process.env,
        }),
        logLevel: options.logLevel,
        onReady: (ready) => {
          if (options.json) context.terminal.printJsonLine({ ready });
        },
        signal: context.signal,
      });
    });
  describe(command, [
    ['warren daemon', `socket ${DEFAULT_SOCKET_PATH}, state in ${DEFAULT_STATE_DIR}`],
    ['warren daemon --log-level debug', 'watch what it does'],
    [
      'warren daemon --static-endpoint 192.0.2.20:41641 --health-port 41642',
      'behind a UDP load balancer that checks TCP',
    ],
    [
      'warren daemon --state-dir /tmp/b --socket /tmp/b.sock --tun warren1 --port 0',
      'a second node on this machine',
    ],
  ]);
}
