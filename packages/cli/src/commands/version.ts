/** `warren version`: what runs here. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { printable } from '../render/printable.js';
import { WARREN_VERSION } from '../version.js';

interface VersionOptions {
  readonly daemon: boolean;
  readonly json: boolean;
}

export function defineVersion(command: Command, context: CliContext): void {
  command
    .option('--daemon', "the running daemon's version too", false)
    .option('--json', 'as JSON', false)
    .action(async (options: VersionOptions) => {
      const platform = `${process.platform}-${process.arch}`;
      const versions = { version: WARREN_VERSION, node: process.version, platform };
      const daemon = options.daemon
        ? (await new LocalClient(socketPathOf(command), context.signal).status()).version
        : undefined;
      if (options.json) {
        context.terminal.printJson(daemon === undefined ? versions : { ...versions, daemon });
        return;
      }
      context.terminal.print(`warren ${WARREN_VERSION}`);
      context.terminal.print(`  node ${process.version}, ${platform}`);
      if (daemon !== undefined) context.terminal.print(`  daemon ${printable(daemon)}`);
    });
  describe(command, [
    ['warren version', ''],
    ['warren version --daemon', 'is the daemon older than this command?'],
  ]);
}
