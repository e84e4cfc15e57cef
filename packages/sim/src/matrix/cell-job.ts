/** One process of several: runs the cells that its parent names, one after the other. */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { serveJobs } from '../jobs/job-pool.js';
import { explanationOf } from './explain-cell.js';
import { runSimCell } from './sim-cell.js';
import type { CellAnswer, CellJob } from './sim-matrix.js';

const crypto = createNodeCrypto();

serveJobs((job): CellAnswer => {
  const { cell, isToExplain } = job as CellJob;
  return isToExplain
    ? { explanation: explanationOf(cell, crypto) }
    : { outcome: runSimCell(cell, { crypto }) };
});
