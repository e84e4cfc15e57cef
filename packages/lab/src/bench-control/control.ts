/**
 * `npm run bench:control -- [--only KEY,...] [--rounds N] [--nodes N] [--json] ...`: the hub beside headscale; `--help` has all
 * of it, docs/performance.md what the figures are. Ends with 1 when a part failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { currentCommit } from '@warren/sim/run/current-commit';
import { describeMachine } from '../bench/machine.js';
import { findGoPeer, pinnedVersion } from '../interop/go-peers.js';
import { requireLab } from '../requirements.js';
import { changeCostPlot } from './change-cost-plot.js';
import { COALESCING, DURABILITY } from './contenders.js';
import { type ControlReport, controlReport } from './control-report.js';
import { controlText } from './control-text.js';
import { runInNamespace } from './namespace-run.js';
import { JOINING_AT_ONCE } from './network.js';
import { type CommandLine, HELP, parseCommandLine } from './options.js';

const SHORT_COMMIT = 10;

/** The plot, and beside it the figures that it shows. */
function writePlot(file: string, { curve, setting }: ControlReport): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, changeCostPlot(curve));
  const { machine, headscale, coalescing } = setting;
  const figures = { curve, machine, headscale, coalescing };
  writeFileSync(file.replace(/(\.svg)?$/, '.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
}

async function bench({ options, isJson, plot }: CommandLine): Promise<void> {
  const onProgress = (line: string): boolean => process.stderr.write(`${line}\n`);
  await requireLab({ install: false, onProgress });
  const setting = {
    at: new Date().toISOString(),
    commit: await currentCommit(SHORT_COMMIT),
    machine: describeMachine(),
    headscale: findGoPeer('headscale') === undefined ? null : pinnedVersion('headscale'),
    ...{ coalescing: COALESCING, durability: DURABILITY },
    ...{ fleetProcesses: options.processes, joiningAtOnce: JOINING_AT_ONCE },
    seconds: options.seconds,
  };
  const runs = await runInNamespace(options);
  const report = controlReport(runs, setting);
  if (plot !== undefined) writePlot(plot, report);
  const text = isJson ? JSON.stringify(report, undefined, 2) : controlText(report);
  process.stdout.write(`${text}\n`);
  if (runs.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

const line = parseCommandLine(process.argv.slice(2));
if (line === undefined) process.stdout.write(HELP);
else await bench(line);
