import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import type { RememberedMapping } from '@warren/core/portmap/io';
import { createLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MappingFile } from './mapping-file.js';

let directory = '';
let lines: string[] = [];
const path = () => join(directory, 'port-mappings.json');
const opened = () =>
  new MappingFile(
    directory,
    createLogger({ level: 'warn', sink: { write: (text) => lines.push(text) } }),
  );

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-mappings-'));
  lines = [];
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const mapping: RememberedMapping = {
  protocol: 'pcp',
  gateway: '192.168.1.1' as IpAddress,
  self: '192.168.1.5' as IpAddress,
  internalPort: 41_641,
  external: '203.0.113.9:50123' as Endpoint,
  nonce: 'c0c1c2c3c4c5c6c7c8c9cacb',
};

test('what is written is read again, by another process too', () => {
  expect(opened().read()).toEqual([]);
  opened().write([mapping]);
  expect(opened().read()).toEqual([mapping]);
  opened().write([]);
  expect(opened().read()).toEqual([]);
  expect(lines).toEqual([]);
});

test.each([
  ['nonsense', 'nonsense'],
  ['a part of a file', '{"mappings":[{"protocol":"pcp","gate'],
  ['no list', '{"mappings":7}'],
  ['an entry that makes no sense', JSON.stringify({ mappings: [mapping, { port: 1 }] })],
])('a file with %s is kept aside with a warning, and never replaced', (_what, text) => {
  writeFileSync(path(), text);
  const file = opened();
  expect(file.read()).toEqual([]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('port mappings of earlier runs are left alone');
  file.write([mapping]);
  expect(readdirSync(directory).toSorted()).toEqual([
    'port-mappings.json',
    'port-mappings.json.corrupt-1',
  ]);
  expect(readFileSync(`${path()}.corrupt-1`, 'utf8')).toBe(text);
  expect(opened().read()).toEqual([mapping]);
});

test('where the disk fails mapping goes on without, and says so', () => {
  mkdirSync(path());
  const file = opened();
  expect(file.read()).toEqual([]);
  file.write([mapping]);
  expect(lines.filter((line) => line.includes('not remembered'))).toHaveLength(2);
});
