/** `warren lab`: the worlds that `demo --keep` left running and their machines, and the NAT matrix. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { RightsError } from '../errors.js';
import { describe } from '../help-text.js';
import { loadPart } from '../optional-package.js';
import { printable } from '../render/printable.js';
import { renderTable } from '../render/table.js';
import { isRoot, leaveInterruptsToChild } from '../rights.js';
import { defineMatrix } from './lab/matrix.js';
import { defineRun } from './lab/run.js';

/** Where the lab keeps records of worlds that root started. */
const ROOT_RECORDS = '/run/warren-lab';

const keptWorlds = () => loadPart('@warren/lab', () => import('@warren/lab/kept-worlds'));

/** Through sudo a demo's world belongs to root, and a plain user sees nothing of it. */
function requireOwner(ownWorlds: number, purpose: string): void {
  if (ownWorlds === 0 && !isRoot() && existsSync(ROOT_RECORDS)) {
    throw new RightsError(purpose);
  }
}

interface WorldOptions {
  readonly world?: string;
}

async function runShell(
  machine: string,
  argv: readonly string[],
  options: WorldOptions,
  context: CliContext,
): Promise<void> {
  const { listWorlds } = await keptWorlds();
  requireOwner(listWorlds().length, 'enter a machine of a lab that root started');
  const { enterMachine } = await loadPart('@warren/lab', () => import('@warren/lab/shell'));
  leaveInterruptsToChild();
  const { execPath, execArgs, script } = context.invocation;
  context.exitCode = await enterMachine(machine, argv.length > 0 ? argv : undefined, {
    ...(options.world === undefined ? {} : { world: options.world }),
    commandLine: [execPath, ...execArgs, script],
  });
}

function defineShell(lab: Command, context: CliContext): void {
  const command = lab
    .command('shell')
    .description('a shell on a machine, or one command; its exit code becomes ours')
    .argument('<machine>', 'as `warren lab list` names it')
    .argument('[command...]', 'after --; else an interactive bash')
    .option('--world <name>', 'needed when several worlds run')
    .action((machine: string, argv: string[], options: WorldOptions) =>
      runShell(machine, argv, options, context),
    );
  describe(command, [
    ['warren lab shell nonat-east', 'look around; Ctrl-D leaves, the world stays'],
    ['warren lab shell nonat-east -- warren status', 'one command'],
    ['warren lab shell nonat-east -- tcpdump -ni any udp', 'watch the wire'],
  ]);
}

function defineList(lab: Command, context: CliContext): void {
  const command = lab
    .command('list')
    .description('worlds that run, with their machines')
    .option('--json', '[{"name", "pid", "machines"}] as JSON', false)
    .action(async (options: { readonly json: boolean }) => {
      const worlds = (await keptWorlds()).listWorlds();
      requireOwner(worlds.length, 'see the labs that root started');
      if (options.json) {
        context.terminal.printJson(
          worlds.map(({ name, pid, views }) => ({ name, pid, machines: views })),
        );
        return;
      }
      if (worlds.length === 0)
        context.terminal.note('No lab runs; `warren demo --keep` leaves one.');
      const rows = worlds.map(({ name, views }) => [name, printable(views.join(' '))]);
      for (const line of renderTable(rows)) context.terminal.print(line);
    });
  describe(command, [['warren lab list', 'a row per world']]);
}

function defineLabDown(lab: Command, context: CliContext): void {
  const command = lab
    .command('down')
    .description('end a world and everything that runs in it')
    .argument('[world]', 'needed when several run')
    .option('--json', '{"ended": NAME} as JSON', false)
    .action(async (world: string | undefined, options: { readonly json: boolean }) => {
      const { endWorld, findWorld, listWorlds } = await keptWorlds();
      requireOwner(listWorlds().length, 'end a lab that root started');
      const { name } = findWorld(world);
      await endWorld(name);
      if (options.json) context.terminal.printJson({ ended: name });
      else context.terminal.note(`The world ${name} has ended.`);
    });
  describe(command, [['warren lab down', 'the only one that runs']]);
}

export function defineLab(command: Command, context: CliContext): void {
  command.helpCommand(false);
  defineShell(command, context);
  defineList(command, context);
  defineLabDown(command, context);
  defineMatrix(command, context);
  defineRun(command, context);
  describe(command, [
    ['warren demo --keep', 'start a world that stays'],
    ['warren lab list', 'its machines'],
    ['warren lab shell nonat-east', 'enter one'],
    ['warren lab down', 'end it'],
  ]);
}
