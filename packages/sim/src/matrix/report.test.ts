import { expect, test } from 'vitest';
import type { ActualPath } from '../demo/report.js';
import { baselineOf, compareWithBaseline } from './baseline.js';
import type { CellOutcome, MatrixCell } from './cell.js';
import { cellTopology } from './cell-topology.js';
import { matrixPage } from './html.js';
import { PROFILES, profileNamed } from './profiles.js';
import { type MatrixReport, matrixReport, pairOf } from './report.js';

function cellOf(name: string): MatrixCell {
  const [left, right] = name.split(':').map(profileNamed);
  if (left === undefined || right === undefined) throw new Error(`${name} is a cell`);
  return { left, right };
}

function outcomeOf(actual: ActualPath): CellOutcome {
  return {
    actual,
    method: actual === 'direct' ? 'punch' : actual === 'none' ? null : 'relay',
    firstReplyMs: actual === 'none' ? null : 214,
    directMs: actual === 'direct' ? 154.4 : null,
    latencyMs: actual === 'direct' ? 62 : 122,
    wireRttMs: 62,
    relayDataFramesDuringTransfer: actual === 'direct' ? 0 : 180,
    problems: [],
  };
}

function reportOf(cells: Readonly<Record<string, ActualPath>>): MatrixReport {
  const pairs = Object.entries(cells).map(([name, actual]) =>
    pairOf(cellOf(name), outcomeOf(actual)),
  );
  const facts = { world: 'sim', commit: 'abc', date: '2026-11-22', durationMs: 1000 } as const;
  return matrixReport(PROFILES, pairs, facts);
}

test('what needs no luck is direct, what has no way is relayed, luck may go either way', () => {
  expect(reportOf({ 'easy:easy': 'direct', 'udp-blocked:public': 'relay' }).ok).toBe(true);
  expect(reportOf({ 'easy:hard-pool': 'direct' }).ok).toBe(true);
  expect(reportOf({ 'easy:hard-pool': 'relay' }).ok).toBe(true);
  expect(reportOf({ 'easy:hard-pool': 'none' }).ok).toBe(false);
  // Beyond the budget is not beyond chance.
  expect(reportOf({ 'hard-range:sequential-busy': 'direct' }).ok).toBe(true);
  for (const wrong of [{ 'easy:easy': 'relay' }, { 'ipv6-only:public': 'direct' }] as const) {
    const [pair] = reportOf(wrong).pairs;
    expect(pair?.problems).toHaveLength(1);
  }
});

test('a cell that falls from direct to relay is seen, but where luck decides', () => {
  const before = { 'easy:easy': 'direct', 'easy:hard-pool': 'direct' } as const;
  const baseline = baselineOf(reportOf(before), undefined);
  expect(baseline.fallsShort).toEqual({});
  const now = reportOf({ 'easy:easy': 'relay', 'easy:hard-pool': 'relay' });
  expect(compareWithBaseline(now, baseline).problems).toEqual([
    'easy:easy fell from direct to relay',
    'easy:easy: expected direct, was relay',
  ]);
});

test('a known shortfall is excused while it relays, told when it is over, and never hides silence', () => {
  const first = baselineOf(reportOf({ 'easy:easy': 'relay' }), undefined);
  expect(first.fallsShort['easy:easy']).toContain('expected direct, was relay');
  const known = { ...first, fallsShort: { 'easy:easy': 'the model lacks it' } };
  const still = reportOf({ 'easy:easy': 'relay' });
  expect(compareWithBaseline(still, known)).toEqual({ problems: [], news: [] });
  expect(baselineOf(still, known).fallsShort['easy:easy']).toBe('the model lacks it');
  const over = reportOf({ 'easy:easy': 'direct' });
  expect(compareWithBaseline(over, known).problems).toEqual([]);
  expect(compareWithBaseline(over, known).news).toHaveLength(2);
  expect(baselineOf(over, known).fallsShort).toEqual({});
  expect(compareWithBaseline(reportOf({ 'easy:easy': 'none' }), known).problems).not.toEqual([]);
});

test('a cell that nobody wrote down is no success', () => {
  const baseline = baselineOf(reportOf({ 'easy:easy': 'direct' }), undefined);
  const { problems } = compareWithBaseline(reportOf({ 'easy:hard-pool': 'direct' }), baseline);
  expect(problems).toEqual(['easy:hard-pool is not in the baseline']);
});

test('the page has a header for each row and column, a sign in each cell, and loads nothing', () => {
  const page = matrixPage(
    reportOf({ 'easy:hard-pool': 'relay', 'easy:easy': 'direct', 'hard:hard': 'relay' }),
  );
  expect(page.match(/<th scope="row">(easy|hard|hard-pool)<\/th><td class/g)).toHaveLength(3);
  expect(page.match(/<th scope="col"><span class="up">/g)).toHaveLength(3);
  expect(page.match(/<td class="[a-z]+( own)?" title="/g)).toHaveLength(4);
  expect(page).not.toMatch(/(src|href)=|https?:|@import|url\(/);
  expect(page).toContain('prefers-color-scheme: dark');
});

test('every profile has a place in a world, on either side', () => {
  for (const profile of PROFILES) {
    const { machines, networks } = cellTopology({ left: profile, right: profile });
    expect(machines.map(({ name }) => name)).toEqual(['left', 'right']);
    expect(networks).toHaveLength(profile.build.at === 'lan' ? 2 : 0);
    const addresses = networks.flatMap((network) => network.addresses);
    expect(new Set(addresses).size).toBe(addresses.length);
  }
});
