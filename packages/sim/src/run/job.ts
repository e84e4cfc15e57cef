/** One process of several: runs every n-th seed and sends each result to its parent. */
import { runSafely } from './run-seeds.js';

const [first = 0, last = 0, step = 1] = process.argv.slice(2).map(Number);
for (let seed = first; seed <= last; seed += step) process.send?.(runSafely(seed));
process.disconnect();
