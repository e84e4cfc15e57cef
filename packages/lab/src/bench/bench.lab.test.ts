/** That the bench measures: one short round. What it measures is no matter here. */
import { expect, test } from 'vitest';
import { skipsGoPeers } from '../interop/go-peers.js';
import { figuresOf } from './figures.js';
import { runBench } from './run-bench.js';

const BENCH_MS = 240_000;

test.skipIf(await skipsGoPeers('wireguard'))(
  'a stream and pings through Warren, wireguard-go and no tunnel give ratios',
  async () => {
    const lines: string[] = [];
    const { ratios, machine } = await runBench({
      ...{ figures: figuresOf(['tcpSingle', 'pingIdle']), rounds: 1, seconds: 1 },
      onProgress: (line) => lines.push(line),
    });
    expect(Object.keys(ratios)).toEqual(['tcpSingle', 'pingIdle']);
    for (const [key, { median, min, max, rounds, beside, failed }] of Object.entries(ratios)) {
      expect(failed, key).toEqual([]);
      expect(rounds, key).toBe(1);
      expect(median, key).toBeGreaterThan(0);
      expect([min, max], key).toEqual([median, median]);
      expect(beside?.median, key).toBeGreaterThan(0);
    }
    expect(lines.filter((line) => line.includes(' 1/1 '))).toHaveLength(6);
    expect(machine.cores).toBeGreaterThan(0);
  },
  BENCH_MS,
);
