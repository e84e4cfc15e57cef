/**
 * `warren ssh [USER@]PEER`: the system's ssh, to the peer's overlay address. Host keys that the network knows are the
 * only ones that are taken; where it knows none, ssh asks its own known_hosts, and the command says so.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WhoisReport } from '@warren/node/local-api/whois-report';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { CliError } from '../errors.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';

/** As shells tell a signal. */
const SIGNAL_EXIT_BASE = 128;

/** `ann@printer` in its two parts. */
export function splitTarget(target: string): {
  readonly user: string | undefined;
  readonly peer: string;
} {
  const at = target.lastIndexOf('@');
  return at < 0
    ? { user: undefined, peer: target }
    : { user: target.slice(0, at), peer: target.slice(at + 1) };
}

/** Lines of a known-hosts file: the alias under which ssh looks, and each key. */
export function knownHosts(alias: string, keys: readonly string[]): string {
  return keys.map((key) => `${alias} ${key}\n`).join('');
}

/** What ssh is called with; `knownHostsFile`: undefined where the network knows no keys. */
export function sshArguments(
  { machine }: WhoisReport,
  user: string | undefined,
  knownHostsFile: string | undefined,
  rest: readonly string[],
): string[] {
  const address = machine.addresses[0]?.split('/')[0] ?? '';
  const checks =
    knownHostsFile === undefined
      ? []
      : [
          ...['-o', `HostKeyAlias=${machine.name}`],
          ...['-o', `UserKnownHostsFile=${knownHostsFile}`],
          ...['-o', 'GlobalKnownHostsFile=/dev/null'],
          ...['-o', 'StrictHostKeyChecking=yes', '-o', 'UpdateHostKeys=no'],
        ];
  return [...checks, ...(user === undefined ? [] : ['-l', user]), ...['--', address], ...rest];
}

function runSsh(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: 'inherit' });
    child.on('error', (cause) => {
      reject(
        new CliError('SYSTEM', `ssh can't be started: ${cause.message}`, 'install openssh-client', {
          cause,
        }),
      );
    });
    child.on('exit', (code, signal) => {
      resolve(code ?? SIGNAL_EXIT_BASE + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

export function defineSsh(command: Command, context: CliContext): void {
  command
    .argument('<[user@]peer>', 'name, first label of a name, or overlay address')
    .argument('[command...]', 'what runs there instead of a shell')
    .allowUnknownOption()
    .action(async (target: string, rest: string[]) => {
      const { user, peer } = splitTarget(target);
      const client = new LocalClient(socketPathOf(command), context.signal);
      const report = await client.whois(peer);
      const { name, sshHostKeys } = report.machine;
      if (sshHostKeys.length === 0) {
        context.terminal.note(
          `The network knows no SSH host keys of ${name}; ssh checks them against your own known_hosts.`,
        );
        context.exitCode = await runSsh(sshArguments(report, user, undefined, rest));
        return;
      }
      const directory = mkdtempSync(join(tmpdir(), 'warren-ssh-'));
      try {
        const file = join(directory, 'known_hosts');
        writeFileSync(file, knownHosts(name, sshHostKeys), { mode: 0o600 });
        context.exitCode = await runSsh(sshArguments(report, user, file, rest));
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  describe(command, [
    ['warren ssh printer', 'as yourself'],
    ['warren ssh root@printer uptime', 'one command'],
  ]);
}
