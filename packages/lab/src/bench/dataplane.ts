/**
 * `npm run bench:dataplane -- [--rounds N] [--only KEY,...] [--seconds N] [--congestion NAME] [--json]`: the data plane beside
 * wireguard-go, tailscaled and no tunnel at all, in namespaces of this computer, through the real daemon. figures.ts
 * says what is measured. Ends with 1 when a run failed; a ratio that falls short is no failure of the bench.
 *
 * Needs root, Debian's packages (scripts/install-peers.sh) and the real peers (scripts/build-go-peers.sh), and a
 * computer that does nothing else.
 */
import { parseArgs } from 'node:util';
import { findTool, requireLab } from '../requirements.js';
import { benchText } from './bench-text.js';
import { figuresOf } from './figures.js';
import { runBench } from './run-bench.js';

/** A median of fewer says little on a machine that drifts. */
const ROUNDS_DEFAULT = 5;
const SECONDS_DEFAULT = 5;
const PROGRAMS = ['iperf3', 'wireguard-go', 'wg'];

function parseCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} takes a number`);
  return count;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(ROUNDS_DEFAULT) },
      only: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string', default: String(SECONDS_DEFAULT) },
      congestion: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const { congestion } = values;
  const keys = values.only.flatMap((list) => list.split(',')).filter((key) => key !== '');
  const options = {
    figures: figuresOf(keys),
    rounds: parseCount('rounds', values.rounds),
    seconds: parseCount('seconds', values.seconds),
    ...(congestion === undefined ? {} : { congestion }),
  };
  const onProgress = (line: string): boolean => process.stderr.write(`${line}\n`);
  await requireLab({ install: false, onProgress });
  const missing = PROGRAMS.filter((name) => !findTool(name));
  if (missing.length > 0) {
    throw new Error(`missing: ${missing.join(', ')}; to install: scripts/install-peers.sh`);
  }
  const report = await runBench({ ...options, onProgress });
  const text = values.json ? JSON.stringify(report, undefined, 2) : benchText(report);
  process.stdout.write(`${text}\n`);
  if (Object.values(report.ratios).some(({ failed }) => failed.length > 0)) process.exitCode = 1;
}

await main();
