/**
 * The command tree. A command's file, with its flags and everything it imports, is loaded only when that
 * command is called: `warren status` never loads a server.
 */
import { Command, type Option } from 'commander';
import type { CliContext } from './context.js';
import { socketOption } from './options.js';
import { WARREN_VERSION } from './version.js';

/** Gives a command its arguments, flags, help and action. */
export type DefineCommand = (command: Command, context: CliContext) => void;

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<DefineCommand>;
}

const NODE = 'This machine:';
const SERVERS = 'Servers:';
const LAB = 'Lab:';

const entries: readonly CommandEntry[] = [
  {
    name: 'up',
    summary: 'join the network; starts the daemon when none runs',
    group: NODE,
    load: async () => (await import('./commands/up.js')).defineUp,
  },
  {
    name: 'down',
    summary: 'disconnect from the network; the login stays',
    group: NODE,
    load: async () => (await import('./commands/down.js')).defineDown,
  },
  {
    name: 'login',
    summary: 'log in to a network, as `up` does',
    group: NODE,
    load: async () => (await import('./commands/up.js')).defineUp,
  },
  {
    name: 'logout',
    summary: 'disconnect and end the login',
    group: NODE,
    load: async () => (await import('./commands/logout.js')).defineLogout,
  },
  {
    name: 'status',
    summary: 'this machine, its peers and the paths to them',
    group: NODE,
    load: async () => (await import('./commands/status.js')).defineStatus,
  },
  {
    name: 'ping',
    summary: 'ping a peer and show the path it takes',
    group: NODE,
    load: async () => (await import('./commands/ping.js')).definePing,
  },
  {
    name: 'why',
    summary: 'why a peer is direct or relayed, and what would change it',
    group: NODE,
    load: async () => (await import('./commands/why.js')).defineWhy,
  },
  {
    name: 'netcheck',
    summary: 'how this network looks from outside, and which relays are near',
    group: NODE,
    load: async () => (await import('./commands/netcheck.js')).defineNetcheck,
  },
  {
    name: 'ip',
    summary: 'addresses of this machine or of a peer',
    group: NODE,
    load: async () => (await import('./commands/ip.js')).defineIp,
  },
  {
    name: 'dns',
    summary: 'what names resolve to, and who is asked',
    group: NODE,
    load: async () => (await import('./commands/dns.js')).defineDns,
  },
  {
    name: 'whois',
    summary: 'which machine and user an address belongs to',
    group: NODE,
    load: async () => (await import('./commands/whois.js')).defineWhois,
  },
  {
    name: 'nc',
    summary: 'connect standard input and output to a port of a peer',
    group: NODE,
    load: async () => (await import('./commands/nc.js')).defineNc,
  },
  {
    name: 'ssh',
    summary: "log in to a peer with the system's ssh",
    group: NODE,
    load: async () => (await import('./commands/ssh.js')).defineSsh,
  },
  {
    name: 'set',
    summary: 'change settings of the running daemon, or show them',
    group: NODE,
    load: async () => (await import('./commands/set.js')).defineSet,
  },
  {
    name: 'exit-node',
    summary: 'peers to reach the internet through',
    group: NODE,
    load: async () => (await import('./commands/exit-node.js')).defineExitNode,
  },
  {
    name: 'debug',
    summary: 'what the parts of the running node know',
    group: NODE,
    load: async () => (await import('./commands/debug.js')).defineDebug,
  },
  {
    name: 'daemon',
    summary: 'run the node itself in the foreground',
    group: NODE,
    load: async () => (await import('./commands/daemon.js')).defineDaemon,
  },
  {
    name: 'hub',
    summary: 'run control and relay on one port',
    group: SERVERS,
    load: async () => (await import('./commands/hub.js')).defineHub,
  },
  {
    name: 'relay',
    summary: 'run a relay with STUN',
    group: SERVERS,
    load: async () => (await import('./commands/relay.js')).defineRelay,
  },
  {
    name: 'control',
    summary: 'keys, machines and users of a hub, or control without a relay',
    group: SERVERS,
    load: async () => (await import('./commands/control.js')).defineControl,
  },
  {
    name: 'demo',
    summary: 'machines behind real NATs, and which paths they find',
    group: LAB,
    load: async () => (await import('./commands/demo.js')).defineDemo,
  },
  {
    name: 'lab',
    summary: 'machines that `demo --keep` left running',
    group: LAB,
    load: async () => (await import('./commands/lab.js')).defineLab,
  },
  {
    name: 'version',
    summary: 'versions of Warren, Node.js and, if asked for, the daemon',
    group: 'Other:',
    load: async () => (await import('./commands/version.js')).defineVersion,
  },
];

const ENVIRONMENT_HELP = `
Environment:
  WARREN_SOCKET, WARREN_STATE_DIR, WARREN_LOGIN_SERVER, WARREN_AUTH_KEY, WARREN_HOSTNAME
                         stand for the flags of the same name
  WARREN_DEBUG=1         show the stack of unexpected errors, as --verbose does
  NO_COLOR, FORCE_COLOR  colours off or on

Exit codes: 0 done, 1-9 see the command's help, 64 wrong command line, 69 daemon or server unreachable,
70 a bug in Warren, 77 rights are missing, 130 interrupted.`;

/** Columns of help that goes into a pipe or file. */
const HELP_WIDTH = 100;

/** Commander's words, without saying of each switch that it is off by default. */
function describeOption(option: Option): string {
  const notes: string[] = [];
  if (option.argChoices !== undefined) notes.push(option.argChoices.join(', '));
  if (option.defaultValue !== undefined && typeof option.defaultValue !== 'boolean') {
    notes.push(`default: ${option.defaultValueDescription ?? String(option.defaultValue)}`);
  }
  if (option.envVar !== undefined) notes.push(`env: ${option.envVar}`);
  return notes.length === 0 ? option.description : `${option.description} (${notes.join('; ')})`;
}

/** The whole tree; parse with `parseAsync(args, { from: 'user' })`. */
export function createProgram(context: CliContext): Command {
  const program = new Command('warren')
    .description('A self-hosted WireGuard mesh that finds the direct path and can say why.')
    .version(WARREN_VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addOption(socketOption())
    .option('--verbose', 'show the stack of unexpected errors')
    .configureHelp({
      helpWidth: process.stdout.isTTY ? process.stdout.columns : HELP_WIDTH,
      subcommandTerm: (command) => command.name(),
      optionDescription: describeOption,
    })
    // Errors are said once, by the main program, which knows about --json.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText('after', ENVIRONMENT_HELP);
  const loaders = new Map<string, CommandEntry['load']>();
  for (const { name, summary, group, load } of entries) {
    program.command(name).description(summary).helpGroup(group);
    loaders.set(name, load);
  }
  program.hook('preSubcommand', async (_program, command) => {
    const load = loaders.get(command.name());
    if (load !== undefined) (await load())(command, context);
  });
  return program;
}

/** `help ping` is `ping --help`; the tree is loaded on the way, which commander's own help skips. */
export function rewriteHelp(args: readonly string[]): string[] {
  return args[0] === 'help' ? [...args.slice(1), '--help'] : [...args];
}

/**
 * `warren control keys` of a line that calls it, in `program` as far as it is loaded: what to name when the
 * line is wrong.
 */
export function commandLineOf(program: Command, args: readonly string[]): string {
  let command = program;
  const words = [program.name()];
  for (const argument of args) {
    const called = command.commands.find(
      (candidate) => candidate.name() === argument || candidate.aliases().includes(argument),
    );
    if (called === undefined) continue;
    command = called;
    words.push(called.name());
  }
  return words.join(' ');
}
