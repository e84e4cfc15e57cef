import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallTime } from '@warren/core/base/instant';
import { createLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HandshakeTime } from './handshake-time.js';

const NOON = Date.parse('2031-03-04T12:00:00Z');
const MINUTE = 60_000;
const lines: string[] = [];
const log = createLogger({
  level: 'debug',
  sink: { write: (line) => void lines.push(line) },
  format: 'json',
});
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-handshake-time-'));
  lines.length = 0;
});

afterEach(() => rmSync(directory, { recursive: true }));

const open = (): HandshakeTime => new HandshakeTime(directory, log);
const file = (): string => join(directory, 'handshake-time');

test('the first run begins anywhere, the next one after every time that the last one may have used', () => {
  const first = open();
  expect(first.floor).toBe(0);
  first.note(wallTime(NOON));
  expect(open().floor).toBe(NOON + 10 * MINUTE);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

test('it is written once in ten minutes of handshakes, and always covers the last of them', () => {
  const run = open();
  const writes = new Set<number>();
  for (let second = 0; second < 3600; second++) {
    const time = NOON + second * 1000;
    run.note(wallTime(time));
    writes.add(Date.parse(readFileSync(file(), 'utf8')));
    expect(open().floor).toBeGreaterThan(time);
  }
  expect(writes.size).toBeLessThanOrEqual(7);
});

test('a run whose clock went back never stores less', () => {
  open().note(wallTime(NOON));
  const later = open();
  later.note(wallTime(NOON - 60 * MINUTE));
  expect(open().floor).toBe(NOON + 10 * MINUTE);
  later.note(later.floor);
  expect(open().floor).toBe(NOON + 20 * MINUTE);
});

test('a damaged file is kept aside, not believed', () => {
  writeFileSync(file(), 'soon');
  expect(open().floor).toBe(0);
  expect(readdirSync(directory)).toEqual(['handshake-time.corrupt-1']);
});

test('a disk that takes nothing is told once and tried again', () => {
  const run = open();
  rmSync(directory, { recursive: true });
  run.note(wallTime(NOON));
  run.note(wallTime(NOON + 1));
  expect(lines).toHaveLength(1);
  directory = mkdtempSync(directory);
});
