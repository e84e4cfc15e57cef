/** The kernel as judge of what is joined and cut: random traffic through its own forwarding, byte for byte. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { scriptPath } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import type { OffloadReport } from './kernel-offload.js';

const skips = await skipsLab();
const run = promisify(execFile);

describe.skipIf(skips)('a TUN device with offload', () => {
  test('gives and takes every packet as it was, over 24 seeds of mixed traffic', async () => {
    const argv = ['-rn', process.execPath, scriptPath('probe/kernel-offload'), '1', '24'];
    const { stdout } = await run('unshare', argv, { timeout: 240_000 });
    const { packets, writes, reads, ...report } = JSON.parse(stdout) as OffloadReport;
    expect(report).toEqual({ differing: [], counters: {} });
    expect(packets).toBeGreaterThan(24 * 2 * 200);
    expect(writes).toBeLessThan(packets / 2);
    expect(reads).toBeLessThan(packets / 4);
  });
});
