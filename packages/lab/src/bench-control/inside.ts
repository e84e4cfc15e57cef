/**
 * The part of `npm run bench:control` that runs inside the namespace.
 *
 *     node inside.js OPTIONS        OPTIONS: JSON of RunOptions; stdout: JSON of all runs; stderr: progress
 */
import { type RunOptions, runRounds } from './run-rounds.js';

const options = JSON.parse(process.argv[2] ?? '') as RunOptions;
const runs = await runRounds(options, (line) => process.stderr.write(`${line}\n`));
process.stdout.write(JSON.stringify(runs), () => process.exit());
