/** `warren status`: this machine, its peers and the paths to them. */
import type { StatusReport } from '@warren/node/local-api/protocol';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_FAILED } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { notRunningSentence, renderStatus } from '../render/status-table.js';
import type { Terminal } from '../terminal.js';

interface StatusOptions {
  readonly json: boolean;
  readonly peers: boolean;
  readonly active: boolean;
}

/** Operating systems as control and Tailscale spell them. */
const OS_NAMES: Readonly<Record<string, string>> = { darwin: 'macOS', win32: 'windows' };

/** Colours by what a person looks for: is it direct, is it gone. */
function paintRow(terminal: Terminal, row: string): string {
  if (row.startsWith('#')) return terminal.paint('yellow', row);
  if (row.includes('  active; direct ')) return terminal.paint('green', row);
  if (row.includes('  active; relay ')) return terminal.paint('yellow', row);
  return row.includes('  offline') ? terminal.paint('dim', row) : row;
}

function jsonOf(report: StatusReport, options: StatusOptions): StatusReport {
  if (!options.peers) return { ...report, peers: [] };
  if (!options.active) return report;
  return { ...report, peers: report.peers.filter((peer) => peer.active) };
}

async function runStatus(options: StatusOptions, client: LocalClient, context: CliContext) {
  const report = await client.status();
  const { terminal } = context;
  const sentence = notRunningSentence(report);
  if (sentence !== undefined) context.exitCode = EXIT_FAILED;
  if (options.json) {
    terminal.printJson(jsonOf(report, options));
  } else if (sentence !== undefined) {
    terminal.print(sentence);
    for (const line of renderStatus({ ...report, self: null }, viewOf(options, false))) {
      terminal.print(paintRow(terminal, line));
    }
  } else {
    for (const line of renderStatus(report, viewOf(options, options.peers))) {
      terminal.print(paintRow(terminal, line));
    }
  }
}

function viewOf(options: StatusOptions, peers: boolean) {
  return {
    peers,
    activeOnly: options.active,
    nowMs: Date.now(),
    os: OS_NAMES[process.platform] ?? process.platform,
  };
}

export function defineStatus(command: Command, context: CliContext): void {
  command
    .option('--json', 'the whole report as JSON', false)
    .option('--no-peers', 'this machine only (also --peers=false)')
    .option('--active', 'only peers that data was sent to in the last 45 s', false)
    .action(async (options: StatusOptions) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      await runStatus(options, client, context);
    });
  describe(
    command,
    [
      ['warren status', 'a row per machine: address, name, user, OS, path'],
      ['warren status --active', 'only those in use'],
      ['warren status --json | jq .peers', 'for scripts'],
    ],
    [
      [0, 'running'],
      [1, 'stopped, starting, logged out or not yet approved'],
    ],
    [
      ['active; direct IP:PORT', 'data was sent in the last 45 s, straight to that address'],
      ['active; relay "REGION"', 'the same, through the relay of that region'],
      ['idle', 'no data lately; `warren ping` tells the path'],
      ['-', 'no data yet'],
    ],
  );
}
