import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { SeedResult } from './run-seed.js';
import { simCommand } from './testing/clean-seeds.js';

test('another process lives through the same world', () => {
  const replay = (seed: number): SeedResult => {
    const args = [simCommand, '--seed', String(seed), '--json'];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as SeedResult;
  };
  const first = replay(6);
  expect(first.fingerprint).toMatch(/^[0-9a-f]{8}$/);
  expect(replay(6)).toEqual(first);
  expect(replay(1).fingerprint).not.toBe(first.fingerprint);
});

test('a trace tells the whole history, and says how the world is called', () => {
  const args = [simCommand, '--seed', '6', '--trace'];
  const lines = execFileSync(process.execPath, args, { encoding: 'utf8' }).trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(200);
  expect(lines.at(-2)).toMatch(/^seed 6: 2 machines, .* no checker broke$/);
  expect(lines.at(-1)).toMatch(/^history [0-9a-f]{8}$/);
});
