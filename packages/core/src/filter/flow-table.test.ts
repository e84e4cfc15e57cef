import { expect, test } from 'vitest';
import { type Instant, instant } from '../base/instant.js';
import { FLOW_BEGUN_BY, FlowTable } from './flow-table.js';
import { FLOWS_MAX } from './limits.js';

const { nobody, us, peer } = FLOW_BEGUN_BY;
const START = instant(5_000_000);
const later = (seconds: number): Instant => instant(START + seconds * 1000);

/** Finds the flow of a local port with a remote host, which is the number. */
function find(table: FlowTable, remote: number, now = START, port = 1000, version = 4): number {
  const memory = new Uint8Array(32);
  memory.set([100, 64, 0, 1]);
  new DataView(memory.buffer).setUint32(version === 4 ? 16 : 28, remote);
  return table.find(memory, version, 17, 0, 16, port, 53, now);
}

test('a flow is found by all that names it, and by nothing less', () => {
  const table = new FlowTable();
  expect(find(table, 1)).toBe(nobody);
  expect(table.add(us, 300, START)).toBe(true);
  expect(find(table, 1)).toBe(us);
  expect(find(table, 2)).toBe(nobody);
  expect(find(table, 1, START, 1001)).toBe(nobody);
  expect(find(table, 1, START, 1000, 6)).toBe(nobody);
  table.add(peer, 300, START);
  expect(find(table, 1, START, 1000, 6)).toBe(peer);
  expect(find(table, 1)).toBe(us);
  table.clear();
  expect(find(table, 1)).toBe(nobody);
});

test('a flow ends after its life, unless it is extended', () => {
  const table = new FlowTable();
  find(table, 1);
  table.add(us, 60, START);
  expect(find(table, 1, later(59))).toBe(us);
  table.extend(60, later(59));
  expect(find(table, 1, later(118))).toBe(us);
  expect(find(table, 1, later(119))).toBe(nobody);
  table.extend(60, later(119));
  expect(find(table, 1, later(119))).toBe(nobody);
});

test('a full table forgets the oldest flows and keeps the newest', () => {
  const table = new FlowTable();
  const flows = 4 * FLOWS_MAX;
  for (let i = 0; i < flows; i++) {
    find(table, i, later(i / 1000));
    expect(table.add(us, 300, later(i / 1000))).toBe(true);
  }
  const now = later(flows / 1000);
  const kept = Array.from({ length: flows }, (_, i) => find(table, i, now) === us);
  const count = (from: number, to: number): number =>
    kept.slice(from, to).filter((isKept) => isKept).length;
  expect(count(0, flows)).toBeLessThanOrEqual(FLOWS_MAX);
  expect(count(0, flows)).toBeGreaterThan(FLOWS_MAX * 0.95);
  expect(count(flows - FLOWS_MAX / 2, flows)).toBeGreaterThan(FLOWS_MAX * 0.45);
  expect(count(0, FLOWS_MAX)).toBe(0);
});

test('flows of others never push ours out', () => {
  const table = new FlowTable();
  const ours = FLOWS_MAX / 4;
  for (let i = 0; i < ours; i++) {
    find(table, i);
    table.add(us, 300, START);
  }
  const kept = (): number =>
    Array.from({ length: ours }, (_, i) => find(table, i, later(1))).filter((by) => by === us)
      .length;
  const before = kept();
  expect(before).toBeGreaterThan(ours * 0.98);
  let refused = 0;
  for (let i = 0; i < 8 * FLOWS_MAX; i++) {
    find(table, 1_000_000 + i, later(1));
    if (!table.add(peer, 300, later(1))) refused++;
  }
  expect(kept()).toBe(before);
  expect(refused).toBeLessThan(FLOWS_MAX);
  // Ours take the place of theirs.
  find(table, 7_777_777, later(1));
  expect(table.add(us, 300, later(1))).toBe(true);
  expect(kept()).toBe(before);
});

test('a bucket full of ours has no room for others', () => {
  const table = new FlowTable(8);
  for (let i = 0; i < 8; i++) {
    find(table, i);
    table.add(us, 300, START);
  }
  find(table, 100);
  expect(table.add(peer, 300, START)).toBe(false);
  expect(find(table, 100)).toBe(nobody);
  expect(find(table, 100, later(301))).toBe(nobody);
  expect(table.add(peer, 300, later(301))).toBe(true);
});
