/**
 * `npm run soak -- [--minutes N] [--portable]`: run-soak.ts on this computer. Progress goes to stderr, the result as
 * JSON to stdout. Ends with 1 when something was wrong. Needs root, as all of the lab.
 */
import { parseArgs } from 'node:util';
import { requireLab } from '../requirements.js';
import { runSoak } from './run-soak.js';

const MINUTES_DEFAULT = 30;
/** Keys are renewed after two. */
const MINUTES_MIN = 1;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: String(MINUTES_DEFAULT) },
    portable: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes >= MINUTES_MIN)) throw new Error(`--minutes takes a number from ${MINUTES_MIN} on`);
const onProgress = (line: string): boolean => process.stderr.write(`${line}\n`);
await requireLab({ install: false, onProgress });
const env = values.portable ? { WARREN_DATA_PLANE: 'portable' } : {};
const report = await runSoak({ minutes, env, onProgress });
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
if (!report.passed) process.exitCode = 1;
