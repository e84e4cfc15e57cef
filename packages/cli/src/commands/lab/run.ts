/** `warren lab run FILE`: a person's own network out of namespaces, or of models, and who reaches whom how. */
import { readFile } from 'node:fs/promises';
import type { DemoEvent, DemoReport, Expect } from '@warren/sim/demo/report';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { EXIT_FAILED } from '../../exit-codes.js';
import { describe } from '../../help-text.js';
import { type NetworkFile, parseNetworkFile } from '../../network-file/parse.js';
import { loadPart } from '../../optional-package.js';
import { renderDemoReport, SIMULATED_NOTE } from '../../render/demo-report.js';
import type { Style } from '../../terminal.js';
import { demoNote } from '../demo.js';
import { chooseLabWorld } from '../demo-world.js';

interface RunFlags {
  readonly json: boolean;
  readonly sim: boolean;
  readonly installDeps: boolean;
}

/** Throws CONFIG_INVALID with the line, or what the operating system says of the file. */
async function readNetwork(path: string): Promise<NetworkFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new CliError(
      'SYSTEM',
      `the network ${path} can't be read: ${error instanceof Error ? error.message : ''}`,
      'name a file; examples/networks has some',
      { cause: error },
    );
  }
  return parseNetworkFile(path, bytes);
}

/** What the file says of a pair, in either order. */
function expectOf({ expect }: NetworkFile): Expect {
  return (_topology, from, to) =>
    expect.find(({ between }) => between.includes(from) && between.includes(to))?.path ?? 'either';
}

async function runNetwork(path: string, flags: RunFlags, context: CliContext): Promise<DemoReport> {
  const network = await readNetwork(path);
  const { checkTopology } = await loadPart(
    '@warren/lab',
    () => import('@warren/lab/topology/validate'),
  );
  checkTopology(network.topology);
  const world = { topology: network.topology, expect: expectOf(network) };
  const { terminal, signal } = context;
  const report = (event: DemoEvent): void => terminal.note(demoNote(event));
  const { kind, reason } = await chooseLabWorld(flags);
  if (kind === 'lab') {
    const { runDemo } = await loadPart('@warren/lab', () => import('@warren/lab/demo/run-demo'));
    const { execPath, execArgs, script } = context.invocation;
    const commandLine = [execPath, ...execArgs, script];
    const { installDeps } = flags;
    return runDemo({ commandLine, keep: false, installDeps, signal, world }, report);
  }
  const { runSimDemo } = await loadPart(
    '@warren/sim',
    () => import('@warren/sim/demo/run-sim-demo'),
  );
  if (reason !== undefined) terminal.note(`No lab here: ${reason}.`);
  terminal.note(`${SIMULATED_NOTE}.`);
  return runSimDemo({ signal, world }, report);
}

export function defineRun(lab: Command, context: CliContext): void {
  const command = lab
    .command('run')
    .description('your own network, described in a file: who reaches whom how')
    .argument('<file>', 'HuJSON, as docs/lab-networks.md describes it')
    .option('--json', 'the report as JSON', false)
    .option('--sim', 'in the simulator, with models in place of real NATs', false)
    .option('--install-deps', 'install missing system packages first (Debian, Ubuntu)', false)
    .action(async (path: string, flags: RunFlags) => {
      const report = await runNetwork(path, flags, context);
      if (!report.ok) context.exitCode = EXIT_FAILED;
      const { terminal } = context;
      if (flags.json) {
        terminal.printJson(report);
        return;
      }
      const paint = (style: Style, text: string): string => terminal.paint(style, text);
      for (const line of renderDemoReport(report, paint)) terminal.print(line);
    });
  describe(
    command,
    [
      ['warren lab run examples/networks/home-and-cloud.hujson', 'on real NATs'],
      ['warren lab run --sim my-network.hujson', 'without namespaces, on any computer'],
    ],
    [
      [0, 'every pair is as the file expects, and all talk'],
      [1, 'some pair is not, or the network could not run'],
    ],
  );
}
