/** One process of several: runs the cells that its parent names, one after the other. */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { profileNamed } from './profiles.js';
import { runSimCell } from './sim-cell.js';
import type { CellAnswer, CellJob } from './sim-matrix.js';

const crypto = createNodeCrypto();

process.on('message', (job) => {
  process.send?.(answerTo(job as CellJob));
});

function answerTo(job: CellJob): CellAnswer {
  const [left, right] = [profileNamed(job.left), profileNamed(job.right)];
  if (left === undefined || right === undefined) {
    return { failure: `there is no profile ${left === undefined ? job.left : job.right}` };
  }
  try {
    return { outcome: runSimCell({ left, right }, { crypto }) };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
