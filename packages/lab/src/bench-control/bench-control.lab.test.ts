/** That the bench measures: one short round of a few clients. What it measures is no matter here. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { skipsGoPeers } from '../interop/go-peers.js';
import { runInNamespace } from './namespace-run.js';
import { parseCommandLine } from './options.js';

const skips = await skipsGoPeers('headscale');

const BENCH_MS = 240_000;
const NODES = 20;

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('warren-bench-control-'));
}

describe.skipIf(skips)('the bench of control servers', () => {
  test(
    'clients join, hear of changes and come back, at the hub and at headscale',
    async () => {
      const before = leftovers();
      const flags = ['--only', 'groups,restart', '--rounds', '1', '--seconds', '1', '--limit', '2'];
      const line = parseCommandLine([...flags, '--nodes', String(NODES), '--processes', '1']);
      if (line === undefined) throw new Error('no help was asked for');
      let progress = '';
      const runs = await runInNamespace(line.options, (text) => {
        progress += text;
      });
      expect(runs.map(({ contender }) => contender)).toEqual(['warren', 'headscale']);
      for (const { contender, sample, failure } of runs) {
        expect(failure, contender).toBeUndefined();
        expect(sample?.joined.seconds, contender).toBeGreaterThan(0);
        expect(sample?.changes, contender).toMatchObject({ changes: 10, missing: 0 });
        expect(sample?.changes?.lastP50Ms, contender).toBeGreaterThan(0);
        expect(sample?.changes?.memory.pssMB, contender).toBeGreaterThan(1);
        expect(sample?.slow?.missing, contender).toBe(0);
        const kinds = sample?.restarts?.map(({ kind }) => kind);
        expect(kinds).toEqual(contender === 'warren' ? ['stock', 'resuming'] : ['stock']);
      }
      const [warren] = runs;
      // A hub tells nobody what is none of his business.
      expect(warren?.sample?.changes?.needless).toBe(0);
      expect(warren?.sample?.restarts?.map(({ resumed }) => resumed)).toEqual([0, NODES]);
      expect(progress).toContain('1/1 groups headscale: joined in');
      expect(leftovers()).toEqual(before);
    },
    BENCH_MS,
  );
});
