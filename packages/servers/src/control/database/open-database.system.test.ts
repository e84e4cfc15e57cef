import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeJsonState } from './json-state.js';
import { openDatabase } from './open-database.js';

/** Two machines, written by the last version that kept a JSON file. */
const JSON_FILE = new URL('control-json-v1.json', import.meta.url);
const json = fs.readFileSync(JSON_FILE, 'utf8');

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'warren-import-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true });
});

const at = (name: string): string => join(directory, name);
const files = (): readonly string[] => fs.readdirSync(directory).sort();

test('a server that had control.json goes on with all of it in control.db', () => {
  fs.writeFileSync(at('control.json'), json);
  const database = openDatabase(directory, silentLogger);
  const { state } = database.stored;
  expect(state).toEqual(decodeJsonState(json));
  expect(state.nodes.size).toBe(2);
  expect([...state.authKeys.values()].every((key) => key.usedAt !== undefined)).toBe(true);
  database.close();
  expect(files()).toEqual(['control.db', 'control.json.imported']);
  expect(fs.readFileSync(at('control.json.imported'), 'utf8')).toBe(json);
  const again = openDatabase(directory, silentLogger);
  expect(again.stored.state).toEqual(state);
  again.close();
});

test('keys and users whose tailnet has no machine yet come along', () => {
  const document = JSON.parse(json) as Record<string, unknown>;
  const bare = { ...document, nodes: [], tailnets: [] };
  fs.writeFileSync(at('control.json'), JSON.stringify(bare));
  const database = openDatabase(directory, silentLogger);
  expect(database.stored.state.authKeys.size).toBe(2);
  expect([...database.stored.state.tailnets.keys()]).toEqual(['default']);
  database.close();
});

test('once there is a database, a control.json beside it is left alone', () => {
  openDatabase(directory, silentLogger).close();
  fs.writeFileSync(at('control.json'), json);
  const database = openDatabase(directory, silentLogger);
  expect(database.stored.state.nodes.size).toBe(0);
  database.close();
  expect(files()).toEqual(['control.db', 'control.json']);
});

const cut = (length: number): string => json.slice(0, length);

test.each([
  ['empty', '', 'FILE_CORRUPT'],
  ['cut off', cut(-20), 'FILE_CORRUPT'],
  ['without its nodes', '{"version": 1}', 'FILE_CORRUPT'],
  [
    'with a number that would be given twice',
    json.replace('"nextNodeId": 3', '"nextNodeId": 2'),
    'FILE_CORRUPT',
  ],
  ['of a newer version', '{"version": 2}', 'CONTROL_STATE_VERSION'],
])('a control.json %s stops the start, and no database is made', (_, text, code) => {
  fs.writeFileSync(at('control.json'), text);
  expect(() => openDatabase(directory, silentLogger)).toThrow(expect.objectContaining({ code }));
  expect(files()).toEqual(['control.json']);
  expect(fs.readFileSync(at('control.json'), 'utf8')).toBe(text);
});

test('a start that was killed while it made the database begins again', () => {
  fs.writeFileSync(at('control.json'), json);
  fs.writeFileSync(at('.control.db.new'), 'half of it');
  fs.writeFileSync(at('.control.db.new-journal'), 'and its journal');
  const database = openDatabase(directory, silentLogger);
  expect(database.stored.state.nodes.size).toBe(2);
  database.close();
  expect(files()).toEqual(['control.db', 'control.json.imported']);
});

test('a cut document is damaged at every byte', () => {
  const text = json.trimEnd();
  for (let length = 0; length < text.length; length++) {
    expect(decodeJsonState(text.slice(0, length))).toBeUndefined();
  }
});
