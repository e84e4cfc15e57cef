/**
 * The whole matrix, first in the simulator and then on real NATs: `npm run matrix:full [-- sim|lab] [--part I/N]
 * [--resume] [--fixes]`, as root. Writes a page and a report of each to docs/matrix, every pair as soon as it is
 * measured: `--resume` goes on with the reports that are there, such as of a run that was cut off, or of other parts.
 * `--fixes` instead carries out what `warren why` advises, and writes what came of it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const WORLDS = { sim: ['--sim'], lab: [] };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    part: { type: 'string' },
    resume: { type: 'boolean', default: false },
    fixes: { type: 'boolean', default: false },
  },
});
const stranger = positionals.find((name) => WORLDS[name] === undefined);
if (stranger !== undefined) throw new Error(`there is no world ${stranger}; name sim or lab`);

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = `${root}docs/matrix`;
mkdirSync(directory, { recursive: true });

function argumentsFor(name) {
  const page = ['--html', `${directory}/${name}.html`];
  const known = `${directory}/${name}.json`;
  const baseline = existsSync(known) ? ['--baseline', known] : [];
  const report = `${directory}/${name}-${values.fixes ? 'fixes' : 'report'}.json`;
  if (!values.resume) rmSync(report, { force: true });
  return [
    ...WORLDS[name],
    ...['--resume', report],
    ...(values.part === undefined ? [] : ['--part', values.part]),
    ...(values.fixes ? ['--fixes'] : [...page, ...baseline]),
  ];
}

let worst = 0;
for (const name of Object.keys(WORLDS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const command = [`${root}packages/cli/dist/main.js`, 'lab', 'matrix', ...argumentsFor(name)];
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  worst = Math.max(worst, status ?? 70);
}
process.exitCode = worst;
