/** `warren demo`: real NATs out of namespaces, real daemons, and which pairs talk directly; or all of it simulated. */

import type { DemoWorld } from '@warren/sim/demo/demo-world';
import type { DemoEvent, DemoReport } from '@warren/sim/demo/report';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_FAILED } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { loadPart } from '../optional-package.js';
import { renderDemoReport, SIMULATED_NOTE } from '../render/demo-report.js';
import { canAskSudo, isRoot } from '../rights.js';
import type { Style } from '../terminal.js';
import { chooseDemoWorld, missingForLab } from './demo-world.js';

interface DemoFlags {
  readonly json: boolean;
  /** False by `--no-portmap`. */
  readonly portmap: boolean;
  readonly sim: boolean;
  readonly keep: boolean;
  readonly installDeps: boolean;
}

/** What to say about an event while the demo runs; the report follows at its end. */
export function demoNote(event: DemoEvent): string {
  switch (event.type) {
    case 'stage':
      return `${event.message} ...`;
    case 'pinged': {
      const outcome =
        event.directMs === null ? 'not direct' : `direct after ${Math.round(event.directMs)} ms`;
      return `  ${event.done}/${event.of} ${event.from} - ${event.to}: ${outcome}`;
    }
    case 'pair': {
      const { from, to, actual, method } = event.pair;
      const way = method === null || method === actual ? actual : `${actual} (${method})`;
      return `  ${event.done}/${event.of} ${from} - ${to}: ${way}`;
    }
    case 'kept': {
      const [first = 'MACHINE'] = event.machines;
      return `These stay: ${event.machines.join(', ')}. \`warren lab shell ${first}\` enters one, \`warren lab down\` ends all.`;
    }
  }
}

interface DemoRun {
  readonly report: DemoReport;
  /** What to say after it. */
  readonly lastNotes: readonly string[];
}

async function runDemoCommand(flags: DemoFlags, context: CliContext): Promise<DemoRun> {
  const world = await chooseDemoWorld(flags, {
    isRoot: isRoot(),
    canAskSudo: canAskSudo(),
    missing: missingForLab,
  });
  const chosen = await chosenWorld(flags);
  if (world.kind === 'sim') return simulate(world.reason, chosen, context);
  const { runDemo } = await loadPart('@warren/lab', () => import('@warren/lab/demo/run-demo'));
  const { execPath, execArgs, script } = context.invocation;
  const lastNotes: string[] = [];
  const report = await runDemo(
    {
      commandLine: [execPath, ...execArgs, script],
      keep: flags.keep,
      installDeps: flags.installDeps,
      world: chosen,
      signal: context.signal,
    },
    (event) => {
      if (event.type === 'kept') lastNotes.push(demoNote(event));
      else context.terminal.note(demoNote(event));
    },
  );
  return { report, lastNotes };
}

async function chosenWorld({ portmap }: DemoFlags): Promise<DemoWorld> {
  const worlds = await loadPart('@warren/sim', () => import('@warren/sim/demo/demo-world'));
  return portmap ? worlds.demoWorld : worlds.demoWorldWithoutPortMapping;
}

/** The same machines and the same rule in models, for computers that can't make namespaces. */
async function simulate(
  reason: string | undefined,
  world: DemoWorld,
  context: CliContext,
): Promise<DemoRun> {
  const { runSimDemo } = await loadPart(
    '@warren/sim',
    () => import('@warren/sim/demo/run-sim-demo'),
  );
  if (reason !== undefined) context.terminal.note(`No lab here: ${reason}.`);
  context.terminal.note(`${SIMULATED_NOTE}.`);
  const report = await runSimDemo({ signal: context.signal, world }, (event) =>
    context.terminal.note(demoNote(event)),
  );
  return { report, lastNotes: [] };
}

export function defineDemo(command: Command, context: CliContext): void {
  command
    .option('--json', 'the report as JSON', false)
    .option('--sim', 'simulate it in this process, with models in place of real NATs', false)
    .option('--no-portmap', 'with home routers that nobody can ask for a port')
    .option('--keep', 'leave the machines running; see `warren lab`', false)
    .option('--install-deps', 'install missing system packages first (Debian, Ubuntu)', false)
    .action(async (flags: DemoFlags) => {
      const { report, lastNotes } = await runDemoCommand(flags, context);
      if (!report.ok) context.exitCode = EXIT_FAILED;
      const { terminal } = context;
      if (flags.json) {
        terminal.printJson(report);
      } else {
        const paint = (style: Style, text: string) => terminal.paint(style, text);
        for (const line of renderDemoReport(report, paint)) terminal.print(line);
      }
      for (const note of lastNotes) terminal.note(note);
    });
  describe(
    command,
    [
      ['warren demo --install-deps', 'the first time'],
      ['warren demo --keep', 'then `warren lab shell MACHINE` to look around'],
      [
        'warren demo --no-portmap',
        'home routers without UPnP: what searching for ports alone reaches',
      ],
      ['warren demo --json', 'the evidence for every pair'],
      ['warren demo --sim', 'without namespaces, on any computer'],
    ],
    [
      [0, 'every pair is as expected'],
      [1, 'some pair is not, or the demo could not run'],
    ],
    [
      ['open', 'direct: one of the two has a public address'],
      ['portmap', 'direct: at a port that the router of one of the two maps'],
      ['punch', 'direct: both have opened their NATs for each other'],
      ['predict', 'direct: the next port of a NAT was foreseen'],
      ['birthday', 'direct: many sockets behind a hard NAT met guesses of its ports'],
      ['static', 'direct: at the load balancer that one of the two was configured with'],
      ['ROUND TRIP', "through the tunnel; WIRES: what the lab's links take for the direct way"],
      ['RELAYED FRAMES', 'data the relays carried between the two while data moved'],
    ],
  );
}
