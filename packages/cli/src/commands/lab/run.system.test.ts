/** The example networks in the simulator, by the command that people type. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DemoReport } from '@warren/sim/demo/report';
import { expect, test } from 'vitest';

/** Seconds of an idle core. */
const TIMEOUT_MS = 180_000;
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const main = path('../../../dist/main.js');
const examples = path('../../../../../examples/networks/');
const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function warren(...args: readonly string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await run(process.execPath, [main, ...args])) };
  } catch (error) {
    return error as Ended;
  }
}

test.each(readdirSync(examples))('%s is as it expects', { timeout: TIMEOUT_MS }, async (file) => {
  const { code, stdout } = await warren('lab', 'run', '--sim', '--json', examples + file);
  const report = JSON.parse(stdout) as DemoReport;
  expect(report.pairs.flatMap(({ problems }) => problems)).toEqual([]);
  expect(report.world).toBe('sim');
  expect(code).toBe(0);
});

test(
  'a mistake is told with its line, and an expectation that fails ends with 1',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'warren-network-'));
    const file = join(directory, 'mine.hujson');
    const network = (nat: string): string => `{
  "regions": ["here"],
  "servers": [{ "name": "hub", "region": "here", "addresses": ["3.210.5.10"] }],
  "networks": [
    { "name": "home", "region": "here", "addresses": ["54.160.20.12"], "nat": "${nat}", "lan": "10.0.0.0/24" },
  ],
  "machines": [
    { "name": "left", "network": "home", "address": "10.0.0.10" },
    { "name": "right", "region": "here", "addresses": ["52.20.10.11"] },
  ],
  "expect": [{ "between": ["left", "right"], "path": "direct" }],
}`;
    try {
      writeFileSync(file, network('cheap'));
      const wrong = await warren('lab', 'run', '--sim', file);
      expect(wrong.code).not.toBe(0);
      expect(wrong.stderr).toContain(`${file}:5`);
      expect(wrong.stderr).toContain('"cheap" is not known here; there is: easy');
      writeFileSync(file, network('udp-blocked'));
      const failed = await warren('lab', 'run', '--sim', file);
      expect(failed.code).toBe(1);
      expect(failed.stdout).toContain('expected direct, was relay');
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
