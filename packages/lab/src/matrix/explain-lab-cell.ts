/** `warren why` in a cell with real NATs: asked on `left` when both have looked for a path, before the world ends. */
import type { Fix, Rule } from '@warren/core/why/verdict';
import type { WhyReport } from '@warren/node/local-api/why-report';
import type { CellExplanation, MatrixCell } from '@warren/sim/matrix/cell';
import { type LabCellOptions, runLabCell } from './lab-cell.js';

export async function explainLabCell(
  cell: MatrixCell,
  options: LabCellOptions,
): Promise<CellExplanation> {
  const heard: CellExplanation[] = [];
  const { actual, problems } = await runLabCell(cell, {
    ...options,
    whileItStands: async (_world, cli) => {
      const { stdout } = await cli.attempt('left', ['why', 'right', '--json']);
      const { verdict, rule, fixes } = JSON.parse(stdout) as WhyReport;
      heard.push({ verdict, rule: rule as Rule, fix: (fixes[0] as Fix | undefined) ?? null });
    },
  });
  const [explanation] = heard;
  if (explanation !== undefined) return explanation;
  throw new Error(`nobody could ask why: ${actual}, ${problems.join('; ')}`);
}
