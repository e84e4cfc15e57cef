/** `warren ip [PEER]`: overlay addresses, one a line. */
import type { StatusReport } from '@warren/node/local-api/protocol';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { CliError, usageError } from '../errors.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { printable } from '../render/printable.js';
import { notRunningSentence } from '../render/status-table.js';

interface IpOptions {
  readonly 4?: boolean;
  readonly 6?: boolean;
  readonly json: boolean;
}

interface Machine {
  readonly name: string;
  readonly addresses: readonly string[];
}

function fullName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** This machine without `wanted`; else the one of that address, full name, or first label of a name. */
export function findMachine(report: StatusReport, wanted: string | undefined): Machine {
  if (report.self === null) {
    throw new CliError(
      'NOT_RUNNING',
      notRunningSentence(report) ?? 'This machine has no addresses yet.',
      report.state === 'NeedsLogin' ? '`warren up --auth-key KEY` logs in' : 'run `warren up`',
    );
  }
  if (wanted === undefined) return report.self;
  const machines: readonly Machine[] = [report.self, ...report.peers];
  const name = fullName(wanted);
  const found =
    machines.find(({ addresses }) => addresses.includes(wanted)) ??
    machines.find((machine) => fullName(machine.name) === name) ??
    machines.find((machine) => fullName(machine.name).split('.', 1)[0] === name);
  if (found !== undefined) return found;
  throw new CliError(
    'PEER_UNKNOWN',
    `no machine is called ${wanted}`,
    '`warren status` lists the machines that this one may see',
  );
}

/** Of `addresses`, those of the families asked for; both when none is. */
export function ofFamilies(
  addresses: readonly string[],
  options: Pick<IpOptions, 4 | 6>,
): readonly string[] {
  if (options[4] === options[6]) return addresses;
  return addresses.filter((address) => address.includes(':') === (options[6] === true));
}

export function defineIp(command: Command, context: CliContext): void {
  command
    .argument('[peer]', 'name, first label of a name, or one address of a peer; else this machine')
    .option('-4', 'only IPv4')
    .option('-6', 'only IPv6')
    .option('--json', '{"name", "addresses"} as JSON', false)
    .action(async (peer: string | undefined, options: IpOptions) => {
      if (options[4] === true && options[6] === true) {
        throw usageError('-4 and -6 exclude each other', 'leave both out to see all addresses');
      }
      const report = await new LocalClient(socketPathOf(command), context.signal).status();
      const machine = findMachine(report, peer);
      const addresses = ofFamilies(machine.addresses, options);
      if (options.json) context.terminal.printJson({ name: machine.name, addresses });
      else for (const address of addresses) context.terminal.print(printable(address));
    });
  describe(
    command,
    [
      ['warren ip', 'addresses of this machine'],
      ['warren ip -4 printer', "a peer's IPv4 address"],
      ['ssh "$(warren ip -4 printer)"', 'without any DNS'],
    ],
    [
      [0, 'done'],
      [3, 'no such peer, or this node is not running'],
    ],
  );
}
