/**
 * `warren why` behind real NATs: the rule from both ends, and the world after what it advises first was done has
 * the path that it promised.
 */
import { fileURLToPath } from 'node:url';
import type { Fix } from '@warren/core/why/verdict';
import type { WhyReport } from '@warren/node/local-api/why-report';
import { repairedCell } from '@warren/sim/matrix/explain-cell';
import { profileNamed } from '@warren/sim/matrix/profiles';
import { describe, expect, test } from 'vitest';
import type { CommandLine } from '../mesh/command-line.js';
import { skipsLab } from '../testing/lab-ring.js';
import { runLabCell } from './lab-cell.js';

const skips = await skipsLab();
const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const commandLine = [process.execPath, MAIN_SCRIPT];
const RUN_MS = 300_000;

interface Answer {
  readonly code: number | null;
  readonly report: WhyReport;
}

async function why(cli: CommandLine, place: string, peer: string): Promise<Answer> {
  const { code, stdout } = await cli.attempt(place, ['why', peer, '--json']);
  return { code, report: JSON.parse(stdout) as WhyReport };
}

/** Both ends ask at once. */
async function askBoth(cli: CommandLine): Promise<{ left: Answer; right: Answer }> {
  const [left, right] = await Promise.all([why(cli, 'left', 'right'), why(cli, 'right', 'left')]);
  return { left, right };
}

describe.skipIf(skips)('two hard NATs', () => {
  test(
    'both ends name the rule, and with the ports that they advise to map the path is direct',
    async () => {
      const hard = profileNamed('hard');
      if (hard === undefined) throw new Error('hard is a profile');
      const cell = { left: hard, right: hard };
      const { signal } = new AbortController();
      const heard: { left: Answer; right: Answer }[] = [];
      const texts: string[] = [];
      const before = await runLabCell(cell, {
        ...{ commandLine, signal },
        whileItStands: async (_world, cli) => {
          heard.push(await askBoth(cli));
          texts.push((await cli.attempt('left', ['why', 'right'])).stdout);
        },
      });
      expect(before).toMatchObject({ actual: 'relay', problems: [] });
      for (const { code, report } of [heard[0]?.left, heard[0]?.right].filter(
        (answer) => answer !== undefined,
      )) {
        expect([code, report.verdict, report.rule]).toEqual([1, 'relayed', 'both-hard']);
        expect([report.self?.class, report.peer?.class]).toEqual(['hard', 'hard']);
        expect(report.attempts.some(({ pingsSent }) => pingsSent > 0)).toBe(true);
      }
      expect(texts[0]).toMatch(/^right is reached through a relay .*: both-hard\n/);
      const fix = heard[0]?.left.report.fixes[0] as Fix | undefined;
      expect(fix).toMatchObject({ code: 'enable-port-mapping', effect: 'portmap' });
      const repaired =
        fix === undefined ? undefined : repairedCell(cell, { ...fix, where: 'self' });
      if (repaired === undefined) throw new Error('ports can be mapped there');
      const mended = (): ReturnType<typeof runLabCell> =>
        runLabCell(repaired, {
          ...{ commandLine, signal },
          whileItStands: async (_world, cli) => {
            heard[1] = await askBoth(cli);
          },
        });
      let after = await mended();
      if (after.actual !== 'direct') {
        // As in the matrix: a cell has a second try, and what the first showed is not lost.
        process.stderr.write(`first try of the mended cell: ${JSON.stringify(after)}\n`);
        process.stderr.write(`${JSON.stringify(heard[1])}\n`);
        after = await mended();
      }
      expect(after).toMatchObject({ actual: 'direct', method: fix?.effect, problems: [] });
      const answers = [heard[1]?.left, heard[1]?.right];
      expect(answers.map((answer) => [answer?.code, answer?.report.rule])).toEqual([
        [0, 'direct-portmap'],
        [0, 'direct-portmap'],
      ]);
    },
    RUN_MS,
  );
});
