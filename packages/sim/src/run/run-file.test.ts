import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SeedResult } from '../fuzz/run-seed.js';
import { nextSeeds, type RunFacts, RunFile } from './run-file.js';

const facts: RunFacts = { seeds: { first: 5, last: 20 }, jobs: 2, commit: 'abc' };
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-run-'));
  path = join(directory, 'run');
});

afterEach(() => rmSync(directory, { recursive: true }));

function world(seed: number): SeedResult {
  const none = { breaks: [], fingerprint: '', machines: 2, faults: [] };
  const counts = { virtualMs: 1, events: 1, messages: 1, worst: { hardMs: 0, softMs: 0 } };
  return { seed, ...none, ...counts };
}

function opened(asked = facts): RunFile {
  const file = RunFile.open(path, asked);
  if (typeof file === 'string') throw new Error(file);
  return file;
}

test('a run that was cut off goes on behind what is done', () => {
  const first = opened();
  expect(first.earlier).toEqual([]);
  for (const seed of [5, 6, 7]) first.add(world(seed));
  const second = opened();
  expect(second.earlier.map(({ seed }) => seed)).toEqual([5, 6, 7]);
  expect(nextSeeds(facts.seeds, 2, second.earlier)).toEqual([9, 8]);
});

test('a line that was not finished is as if it had not been begun', () => {
  opened().add(world(5));
  appendFileSync(path, '{"elapsedMs":3,"resu');
  opened().add(world(6));
  expect(opened().earlier.map(({ seed }) => seed)).toEqual([5, 6]);
});

test('worlds of another program, range or number of jobs are not mixed in', () => {
  opened();
  for (const other of [
    { ...facts, commit: 'def' },
    { ...facts, jobs: 3 },
    { ...facts, seeds: { first: 5, last: 21 } },
  ]) {
    expect(RunFile.open(path, other)).toContain('holds another run');
  }
});

test('the times of sittings add up', () => {
  opened();
  const line = (elapsedMs: number, seed: number): string =>
    `${JSON.stringify({ elapsedMs, result: world(seed) })}\n`;
  appendFileSync(path, [line(100, 5), line(900, 6), line(50, 7), line(80, 8)].join(''));
  expect(opened().earlierMs).toBe(980);
});
