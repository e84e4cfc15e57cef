/** One process of several: runs the tries that its parent names, one after the other. */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { serveJobs } from '../jobs/job-pool.js';
import type { HardPair } from './hard-pairs.js';
import type { HardTry } from './hard-try.js';
import { simTry } from './sim-try.js';

export interface TryJob {
  readonly pair: HardPair;
  readonly seed: number;
}

const crypto = createNodeCrypto();

serveJobs((job): HardTry => {
  const { pair, seed } = job as TryJob;
  return simTry(pair, seed, crypto);
});
