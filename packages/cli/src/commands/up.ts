/** `warren up`: joins the network through the daemon, and starts a daemon when none runs. */
import type { StaticEndpoint } from '@warren/node/config/static-endpoints';
import type { UpEvent, UpRequest } from '@warren/node/local-api/protocol';
import type { RoutesRequest } from '@warren/node/local-api/route-report';
import { type Command, Option } from 'commander';
import { resolveAuthKey } from '../auth-key.js';
import type { CliContext } from '../context.js';
import { daemonFlags, environmentNote, requireSettings } from '../daemon-settings.js';
import { startDaemon } from '../daemon-start.js';
import { CliError } from '../errors.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import {
  acceptDnsOption,
  configOption,
  healthPortOption,
  noPortMappingOption,
  parseDuration,
  parseHostName,
  parseLoginServer,
  parseTags,
  socketPathOf,
  stateDirOption,
  staticEndpointOption,
} from '../options.js';
import { formatRoundTrip } from '../render/duration.js';
import { renderRunning, renderVisit } from '../render/up-lines.js';
import { requireNetworkAdmin } from '../rights.js';
import { addRouteOptions, type RouteOptions, routesOf } from '../route-options.js';
import type { Terminal } from '../terminal.js';
import { UpProgress } from '../up-progress.js';

interface UpOptions extends RouteOptions {
  readonly loginServer?: string;
  readonly authKey?: string;
  readonly hostname?: string;
  readonly advertiseTags?: readonly string[];
  readonly stateDir: string;
  readonly config?: string;
  readonly staticEndpoint?: readonly StaticEndpoint[];
  readonly healthPort?: number;
  readonly portMapping: boolean;
  readonly timeout: number;
  readonly forceReauth: boolean;
  readonly acceptDns?: boolean;
  readonly json: boolean;
}

function requestOf(options: UpOptions): UpRequest {
  return {
    ...(options.loginServer === undefined ? {} : { loginServer: options.loginServer }),
    ...(options.authKey === undefined ? {} : { authKey: resolveAuthKey(options.authKey) }),
    ...(options.hostname === undefined ? {} : { hostName: options.hostname }),
    ...(options.advertiseTags === undefined ? {} : { advertiseTags: options.advertiseTags }),
    ...(options.forceReauth ? { forceReauth: true } : {}),
    ...(options.acceptDns === undefined ? {} : { acceptDns: options.acceptDns }),
  };
}

/** Until the node runs; events go to `show`. */
async function follow(
  client: LocalClient,
  request: UpRequest,
  routes: RoutesRequest | undefined,
  signal: AbortSignal,
  show: (event: UpEvent) => void,
): Promise<void> {
  if (routes !== undefined) await client.changeSettings({ routes });
  for await (const event of client.up(request, signal)) show(event);
}

async function startOwnDaemon(
  socketPath: string,
  options: UpOptions,
  context: CliContext,
): Promise<void> {
  requireNetworkAdmin('start the daemon, which makes a network interface');
  const { execPath, execArgs, script } = context.invocation;
  // The key would stay readable in the daemon's environment for as long as it lives.
  const environment = { ...process.env };
  delete environment['WARREN_AUTH_KEY'];
  const { pid, logFile } = await startDaemon({
    command: [
      execPath,
      ...execArgs,
      script,
      'daemon',
      '--socket',
      socketPath,
      '--state-dir',
      options.stateDir,
      ...daemonFlags(options),
    ],
    socketPath,
    stateDir: options.stateDir,
    signal: context.signal,
    environment,
  });
  context.terminal.note(`Started the daemon (process ${pid}); its log is ${logFile}`);
}

function shower(terminal: Terminal, json: boolean, progress: UpProgress): (event: UpEvent) => void {
  return (event) => {
    progress.saw(event);
    if (json) terminal.printJsonLine(event);
    else if (event.event === 'auth-url') terminal.note(renderVisit(event));
    else if (event.event === 'running') {
      terminal.print(terminal.paint('green', renderRunning(event)));
    }
  };
}

async function runUp(options: UpOptions, socketPath: string, context: CliContext): Promise<void> {
  const request = requestOf(options);
  const limit = options.timeout === 0 ? undefined : AbortSignal.timeout(options.timeout);
  const signal = limit === undefined ? context.signal : AbortSignal.any([context.signal, limit]);
  const progress = new UpProgress((line) => context.terminal.note(line));
  const show = shower(context.terminal, options.json, progress);
  const client = new LocalClient(socketPath, signal);
  try {
    try {
      const { settings } = await client.status();
      requireSettings(options, settings);
      const note = environmentNote(process.env, settings);
      if (note !== undefined) context.terminal.note(note);
      await follow(client, request, routesOf(options), signal, show);
    } catch (error) {
      if (!(error instanceof CliError && error.code === 'DAEMON_ABSENT')) throw error;
      await startOwnDaemon(socketPath, options, { ...context, signal });
      await follow(client, request, routesOf(options), signal, show);
    }
  } catch (error) {
    if (limit?.aborted !== true || context.signal.aborted) throw error;
    const stage = progress.stage === undefined ? '' : `; the last it did: ${progress.stage}`;
    throw new CliError(
      'UP_TIMEOUT',
      `not up within ${formatRoundTrip(options.timeout)}${stage}`,
      "see `warren status` and the daemon's log, or give it longer with --timeout",
    );
  } finally {
    progress.end();
  }
}

export function defineUp(command: Command, context: CliContext): void {
  addRouteOptions(command);
  command
    .addOption(
      new Option('--login-server <url>', "the hub's or control server's address")
        .env('WARREN_LOGIN_SERVER')
        .argParser(parseLoginServer),
    )
    .addOption(
      new Option('--auth-key <key>', 'join without a browser; file:PATH reads it from a file').env(
        'WARREN_AUTH_KEY',
      ),
    )
    .addOption(
      new Option('--hostname <name>', "name in the network instead of the machine's own")
        .env('WARREN_HOSTNAME')
        .argParser(parseHostName),
    )
    .addOption(
      new Option(
        '--advertise-tags <tags>',
        "tags to ask for, a comma list such as tag:web,tag:eu; the network's policy decides; empty: none",
      ).argParser(parseTags),
    )
    .option(
      '--force-reauth',
      'log in anew and take a new node key, also while all is well; traffic goes on until that is done',
      false,
    )
    .addOption(acceptDnsOption())
    .addOption(stateDirOption('state of the daemon, should it have to be started'))
    .addOption(staticEndpointOption())
    .addOption(healthPortOption())
    .addOption(noPortMappingOption())
    .addOption(configOption())
    .addOption(
      new Option('--timeout <duration>', 'give up after so long; 0: wait for ever')
        .argParser(parseDuration)
        .default(0, '0'),
    )
    .option('--json', 'a line of JSON per event; the last is "running"', false)
    .action(async (options: UpOptions) => {
      await runUp(options, socketPathOf(command), context);
    });
  describe(
    command,
    [
      [
        'warren up --login-server https://hub.example.net --auth-key wkey-auth-...',
        'the first time',
      ],
      ['warren up --auth-key file:/root/warren.key', 'the key stays out of the process list'],
      ['warren up --login-server https://hub.example.net', 'shows an address to open in a browser'],
      ['warren up', 'again, with the login there is'],
      ['warren up --advertise-tags=tag:web,tag:eu', 'a server, which belongs to nobody'],
      ['warren up --force-reauth', 'a new node key for the same machine'],
      ['warren up --static-endpoint 192.0.2.20:41641', 'behind a UDP load balancer'],
      ['warren up --timeout 30s --json', 'for scripts'],
    ],
    [
      [0, 'the node runs'],
      [1, 'it was refused, or not up within --timeout'],
    ],
  );
}
