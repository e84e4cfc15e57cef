/**
 * The whole matrix, first in the simulator and then on real NATs: `npm run matrix:full`, as root. Writes a
 * page and a report of each to docs/matrix; `sim` or `lab` as an argument runs only that one.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WORLDS = { sim: ['--sim'], lab: [] };

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = `${root}docs/matrix`;
const chosen = process.argv.slice(2);
const names = Object.keys(WORLDS).filter((name) => chosen.length === 0 || chosen.includes(name));

mkdirSync(directory, { recursive: true });
let worst = 0;
for (const name of names) {
  const report = openSync(`${directory}/${name}-report.json`, 'w');
  const command = [`${root}packages/cli/dist/main.js`, 'lab', 'matrix', '--json'];
  const page = ['--html', `${directory}/${name}.html`];
  const known = `${directory}/${name}.json`;
  const baseline = existsSync(known) ? ['--baseline', known] : [];
  const { status } = spawnSync(
    process.execPath,
    [...command, ...WORLDS[name], ...page, ...baseline],
    { stdio: ['inherit', report, 'inherit'] },
  );
  closeSync(report);
  worst = Math.max(worst, status ?? 70);
}
process.exitCode = worst;
