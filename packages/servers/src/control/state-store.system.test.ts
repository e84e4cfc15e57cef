import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlState, withNode, withoutNode } from '@warren/core/control/server/state';
import { FileError } from '@warren/shell/errors';
import { createLogger, silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlDatabase } from './database/control-database.js';
import { fixtureState } from './database/database-fixture.js';
import { openSqliteDatabase } from './database/sqlite-database.js';
import { StateStore } from './state-store.js';

let directory: string;
let file: string;
/** While it is set, writes fail as on a full disk. */
let isFull: boolean;
let store: StateStore;
let heard: boolean[];
let logged: string[];

/** The real database, in front of which the disk can be full. */
function openDatabase(): ControlDatabase {
  const database = openSqliteDatabase({ path: file, log: silentLogger, initial: fixtureState });
  return {
    stored: database.stored,
    write: (changes) => {
      if (isFull) throw new FileError('FILE_UNWRITABLE', file, "can't write: ENOSPC", 'Free some.');
      return database.write(changes);
    },
    appendPaths: () => undefined,
    readPaths: () => [],
    readPolicy: () => undefined,
    writePolicy: () => undefined,
    readTokens: () => [],
    writeToken: () => undefined,
    deleteTokens: () => undefined,
    appendAudit: () => undefined,
    readAudit: () => [],
    backup: (copy) => database.backup(copy),
    close: () => database.close(),
  };
}

function openStore(): void {
  const sink = { write: (line: string) => logged.push(line) > 0 };
  store = new StateStore({
    database: openDatabase(),
    log: createLogger({ level: 'info', format: 'json', sink }),
    onChange: (_, isDurable) => heard.push(isDurable),
  });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-store-'));
  file = join(directory, 'control.db');
  isFull = false;
  heard = [];
  logged = [];
  openStore();
});

afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

const deleted = (id: number) => (state: ControlState) => ({
  state: withoutNode(state, id),
  result: id,
});

/** Node 1 as it would be after `hostName` was reported. */
const renamed = (hostName: string) => (state: ControlState) => {
  const node = state.nodes.get(1);
  if (node === undefined) throw new Error('the fixture has it');
  return withNode(state, { ...node, hostName });
};

test('a change that can’t be written is refused, and nobody hears of it', async () => {
  const before = store.state;
  isFull = true;
  await expect(store.change(deleted(2))).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  expect(store.state).toBe(before);
  expect(heard).toEqual([]);
  isFull = false;
  expect(await store.change(deleted(2))).toBe(2);
  expect(heard).toEqual([true]);
  store.close();
  openStore();
  expect([...store.state.nodes.keys()]).toEqual([1, 3, 4, 5]);
});

test('what changes nothing is not written', async () => {
  isFull = true;
  expect(await store.change((state) => ({ state, result: 'same' }))).toBe('same');
  store.note((state) => state);
  expect(heard).toEqual([]);
});

test('a refusal of the decision is passed on, and the state is as before', async () => {
  const before = store.state;
  const refused = store.change(() => {
    throw new Error('no');
  });
  await expect(refused).rejects.toThrow('no');
  expect(store.state).toBe(before);
});

test('notes are heard at once and go with the next change, or by themselves', async () => {
  store.note(renamed('one'));
  expect(store.state.nodes.get(1)?.hostName).toBe('one');
  expect(heard).toEqual([false]);
  await store.change(deleted(2));
  store.note(renamed('two'));
  await sleep(1500);
  isFull = true; // what is on disk by now has to do
  store.close();
  isFull = false;
  openStore();
  expect(store.state.nodes.get(1)?.hostName).toBe('two');
  expect(store.state.nodes.has(2)).toBe(false);
});

test('notes that find no room are said once in the log and tried again', async () => {
  isFull = true;
  store.note(renamed('one'));
  await sleep(1500);
  store.note(renamed('two'));
  await expect(store.change(deleted(3))).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  expect(store.state.nodes.get(1)?.hostName).toBe('two');
  isFull = false;
  for (let tries = 0; tries < 200 && logged.length < 2; tries++) await sleep(100);
  expect(logged.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'notes could not be written; tried again',
    'notes are written again',
  ]);
  isFull = true;
  store.close();
  isFull = false;
  openStore();
  expect(store.state.nodes.get(1)?.hostName).toBe('two');
});

test('a backup has the notes that are not written yet', () => {
  store.note(renamed('one'));
  const copy = join(directory, 'copy.db');
  store.backup(copy);
  const database = openSqliteDatabase({ path: copy, log: silentLogger });
  expect(database.stored.state.nodes.get(1)?.hostName).toBe('one');
  database.close();
});
