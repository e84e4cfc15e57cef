/** `warren netcheck`: how this machine's network looks from outside, and which relays are near. */
import type { NetcheckReport } from '@warren/node/local-api/netcheck-report';
import { DEFAULT_TUN_NAME } from '@warren/node/local-api/protocol';
import { type Command, Option } from 'commander';
import { resolveAuthKey } from '../auth-key.js';
import type { CliContext } from '../context.js';
import { usageError } from '../errors.js';
import { EXIT_DONE } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { loadPart } from '../optional-package.js';
import {
  parseInterval,
  parseLoginServer,
  parsePort,
  socketPathOf,
  stateDirOption,
} from '../options.js';
import { renderNetcheck } from '../render/netcheck-report.js';

interface NetcheckOptions {
  readonly standalone: boolean;
  readonly port: number;
  readonly loginServer?: string;
  readonly authKey?: string;
  readonly stateDir: string;
  readonly every?: number;
  readonly details: boolean;
  readonly json: boolean;
}

/** No UDP; relays answer. */
const EXIT_RELAYS_ONLY = 1;
/** Not even relays answer. */
const EXIT_NOTHING = 2;

/** 0: UDP works; 1: only relays can be reached; 2: nothing can. */
export function netcheckOutcome({ udp, relays }: NetcheckReport): number {
  if (udp) return EXIT_DONE;
  return relays.some(({ latencyMs }) => latencyMs !== null) ? EXIT_RELAYS_ONLY : EXIT_NOTHING;
}

type Check = () => Promise<NetcheckReport>;

async function runNetcheck(check: Check, options: NetcheckOptions, context: CliContext) {
  for (;;) {
    const report = await check();
    context.exitCode = netcheckOutcome(report);
    if (options.json) {
      if (options.every === undefined) context.terminal.printJson(report);
      else context.terminal.printJsonLine(report);
    } else {
      for (const line of renderNetcheck(report, options.details)) context.terminal.print(line);
    }
    if (options.every === undefined) return;
    await pause(options.every, context.signal);
    if (!options.json) context.terminal.print('');
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** The daemon's own check. */
function daemonCheck(client: LocalClient, onProgress: (message: string) => void): Check {
  return () => client.netcheck(onProgress);
}

/** A check on sockets of this process, with relays from the first place that knows any. */
async function standaloneCheck(
  options: NetcheckOptions,
  client: LocalClient,
  context: CliContext,
  onProgress: (message: string) => void,
): Promise<Check> {
  const standalone = await loadPart(
    '@warren/node',
    () => import('@warren/node/netcheck/run-standalone'),
  );
  const { authKey, loginServer, stateDir } = options;
  const relayMap = await standalone.findRelayMap({
    loginServer,
    ...(authKey === undefined ? {} : { authKey: resolveAuthKey(authKey) }),
    stateDir,
    // No daemon, none of ours, or one without a network: the next place may know.
    askDaemon: () => client.relayMap().catch(() => undefined),
    signal: context.signal,
  });
  const { port } = options;
  return () =>
    standalone.runStandaloneCheck({ relayMap, port, tunName: DEFAULT_TUN_NAME, onProgress });
}

/** The daemon checks its own port, and its own relays: what is asked of it and not done would mislead. */
function refuseStandaloneOptions(command: Command): void {
  for (const [name, flag] of [
    ['port', '--port'],
    ['loginServer', '--login-server'],
    ['authKey', '--auth-key'],
    ['stateDir', '--state-dir'],
  ] as const) {
    if (command.getOptionValueSource(name) !== 'cli') continue;
    throw usageError(`${flag} is for a check of its own`, 'add --standalone, or leave it out');
  }
}

export function defineNetcheck(command: Command, context: CliContext): void {
  command
    .option('--standalone', 'on sockets of its own: needs no daemon and no rights', false)
    .addOption(
      new Option('--port <port>', 'with --standalone: UDP port; 0: any free one')
        .argParser(parsePort)
        .default(0),
    )
    .addOption(
      new Option(
        '--login-server <url>',
        'with --standalone: whose relays to ask (default: those of the daemon or of the last login)',
      ).argParser(parseLoginServer),
    )
    .option(
      '--auth-key <key>',
      "with --login-server: a key of that hub, whose certificate it pins; the key isn't used up; file:PATH reads it from a file",
    )
    .addOption(stateDirOption('with --standalone: where the last login is kept'))
    .addOption(
      new Option('--every <duration>', 'again and again, with this pause').argParser(parseInterval),
    )
    .option('--details', 'list endpoints, and say what is being done (also --verbose)', false)
    .option('--json', 'the whole report as JSON', false)
    .action(async (given: NetcheckOptions) => {
      if (!given.standalone) refuseStandaloneOptions(command);
      const details = given.details || command.optsWithGlobals()['verbose'] === true;
      const options = { ...given, details };
      const client = new LocalClient(socketPathOf(command), context.signal);
      const onProgress = (message: string): void => {
        if (options.details && !options.json) context.terminal.note(message);
      };
      const check = options.standalone
        ? await standaloneCheck(options, client, context, onProgress)
        : daemonCheck(client, onProgress);
      await runNetcheck(check, options, context);
    });
  describe(
    command,
    [
      ['warren netcheck', "the daemon's view: what its peers see"],
      [
        'warren netcheck --standalone --login-server https://hub.example.net --auth-key wkey-auth-...',
        'before joining',
      ],
      ['warren netcheck --every 5s --json', 'a line of JSON every five seconds'],
    ],
    [
      [0, 'UDP works'],
      [1, 'no UDP; relays can be reached'],
      [2, 'not even relays can be reached'],
      [3, 'nothing to check with: this node is not running, or no relay is known'],
    ],
    [
      ['nat none', 'a relay reached this machine before it had sent anything'],
      ['nat easy', 'all servers see one mapping: direct with everybody but hard NATs'],
      ['nat hard', 'each server sees another mapping: direct only with machines of class none'],
      ['nat unknown', 'no UDP, or one STUN server alone'],
    ],
  );
}
