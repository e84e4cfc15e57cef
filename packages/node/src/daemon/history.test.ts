import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instant, wallTime } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import type { PathChange } from '@warren/core/path-engine/io';
import type { Clock } from '@warren/shell/clock';
import { createLogger } from '@warren/shell/log';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { History } from './history.js';
import { formatHistory, type HistoryRecord, historyMax, parseHistory } from './history-records.js';

const start = Date.UTC(2026, 0, 2);
let dir = '';
let wallMs = start;
let lines: string[] = [];

const clock: Clock = { now: () => instant(wallMs - start), wall: () => wallTime(wallMs) };
const log = createLogger({ level: 'warn', sink: { write: (text) => lines.push(text) } });
const opened = (): History => new History(dir, clock, log);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-history-'));
  wallMs = start;
  lines = [];
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const peer = 'ab'.repeat(32) as NodeKey;
const remote = '203.0.113.7:41641' as Endpoint;
const change = (cause: string, atMs = 0): PathChange => ({
  at: instant(atMs),
  peer,
  from: { kind: 'relay', regionId: 901 },
  to: { kind: 'direct', socketId: 1, remote },
  cause,
});

test('changes outlive the process, with their dates', () => {
  wallMs = start + 5_000;
  const history = opened();
  history.addPath(change('pong', 3_999.6));
  history.natIs('easy');
  history.close();
  expect(opened().records).toEqual([
    {
      kind: 'path',
      at: start + 4_000,
      peer,
      from: { kind: 'relay', regionId: 901 },
      to: { kind: 'direct', remote },
      cause: 'pong',
    },
    { kind: 'nat', at: start + 5_000, from: undefined, to: 'easy', cause: 'first-check' },
  ]);
});

test('the class is noted when it is another one, with the network as its cause where that changed', () => {
  const history = opened();
  history.natIs('easy');
  history.natIs('easy');
  wallMs += 3_600_000;
  history.natIs('hard');
  wallMs += 3_600_000;
  history.linkChanged();
  wallMs += 5_000;
  history.natIs('none');
  expect(history.records.map(({ cause, to }) => [cause, to])).toEqual([
    ['first-check', 'easy'],
    ['measured-anew', 'hard'],
    ['link-changed', 'none'],
  ]);
});

test('the same class after a restart is no change', () => {
  const first = opened();
  first.natIs('hard');
  first.close();
  const second = opened();
  second.natIs('hard');
  expect(second.records).toHaveLength(1);
});

test('the oldest make room', () => {
  const history = opened();
  for (let index = 0; index < historyMax + 50; index++) history.addPath(change(`cause-${index}`));
  history.close();
  expect(history.records).toHaveLength(historyMax);
  expect(opened().records[0]?.cause).toBe('cause-50');
});

test('a hundred changes are one write', () => {
  const history = opened();
  for (let index = 0; index < 100; index++) history.addPath(change('pong'));
  expect(readdirSync(dir)).toEqual([]);
  history.close();
  expect(readdirSync(dir)).toEqual(['history.json']);
});

test('a damaged file is kept aside and told, and history begins anew', () => {
  writeFileSync(join(dir, 'history.json'), '{"entries":[{"at":"yesterday"}]}');
  expect(opened().records).toEqual([]);
  expect(readdirSync(dir)).toEqual(['history.json.corrupt-1']);
  expect(readFileSync(join(dir, 'history.json.corrupt-1'), 'utf8')).toContain('yesterday');
  expect(lines.join('')).toContain('begins anew');
});

test('a directory that can not be written costs the history, not the node', () => {
  const gone = new History(join(dir, 'missing'), clock, log);
  gone.natIs('easy');
  gone.close();
  expect(gone.records).toHaveLength(1);
  expect(lines.join('')).toContain('not kept');
});

const path = fc.constantFrom<
  HistoryRecord & { kind: 'path' } extends { from: infer P } ? P : never
>(undefined, { kind: 'relay', regionId: 7 }, { kind: 'direct', remote });
const natClass = fc.constantFrom('none', 'easy', 'hard', 'unknown');
const base = {
  at: fc.integer({ min: 0, max: 4e12 }).map(wallTime),
  cause: fc.constantFrom('a', 'b-c'),
};
const record: fc.Arbitrary<HistoryRecord> = fc.oneof(
  fc.record({ kind: fc.constant('path'), ...base, peer: fc.constant(peer), from: path, to: path }),
  fc.record({
    kind: fc.constant('nat'),
    ...base,
    from: fc.option(natClass, { nil: undefined }),
    to: natClass,
  }),
);

test('what is written is what is read', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), (records) => {
      expect(parseHistory(formatHistory(records))).toEqual(records);
    }),
  );
});

test('a file of anything is read without harm', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => `{"entries":[${json}]}`),
      ),
      (text) => {
        const parsed = parseHistory(text);
        if (parsed !== undefined) expect(parseHistory(formatHistory(parsed))).toEqual(parsed);
      },
    ),
  );
});
