/** The daemon's Linux sockets where the kernel runs out of room, and where a path is narrower than a datagram. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { scriptPath } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import type { BurstReport } from './udp-burst.js';

const skips = await skipsLab();
const run = promisify(execFile);

/** A burst over a loopback of its own, after `setup`. */
async function burst(setup: string, count: number): Promise<BurstReport> {
  const script = `${setup} && exec "$0" "$1" ${count}`;
  const argv = ['-rn', 'sh', '-c', script, process.execPath, scriptPath('probe/udp-burst')];
  const { stdout } = await run('unshare', argv, { timeout: 60_000 });
  return JSON.parse(stdout) as BurstReport;
}

describe.skipIf(skips)('a burst of datagrams', () => {
  test('faster than the line waits for room: nothing is lost, nothing overtakes', async () => {
    // Slow, for a receiver whose turn may be late; what is sent is more than the kernel buffers (8 MiB).
    const slow =
      'ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 128kb limit 40mb';
    const { waits, ...report } = await burst(slow, 8000);
    expect(report).toEqual({ sent: 8000, received: 8000, outOfOrder: 0, counters: {} });
    expect(waits).toBeGreaterThan(0);
  });

  test('larger than the MTU goes in fragments, one by one', async () => {
    const { waits, ...report } = await burst('ip link set lo up mtu 1300', 60);
    expect(report).toEqual({
      sent: 60,
      received: 60,
      outOfOrder: 0,
      counters: { 'udp-segments-refused': 1 },
    });
    expect(waits).toBe(0);
  });
});
