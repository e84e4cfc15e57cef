/** The files of a SQLite database: what must hold before SQLite may touch them, and copies that are whole. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileError } from '@warren/shell/files/atomic-file';
import { corrupt } from './database-errors.js';
import type { SqliteConnection } from './sqlite-driver.js';

/** Only the owner reads it: names, addresses and hashes of keys. */
const SECRET_MODE = 0o600;
/** https://sqlite.org/fileformat.html#the_database_header */
const HEADER = 'SQLite format 3\0';
const HEADER_BYTES = 100;

/** Files that SQLite keeps beside a database. */
const COMPANIONS = ['-wal', '-shm', '-journal'] as const;

/**
 * True when there is a file that SQLite can be asked about, false when there is none. SQLite would make a new
 * database of an empty file, and mix the log of a lost one into the next: both are refused as damage.
 */
export function checkFile(file: string): boolean {
  if (!fs.existsSync(file)) {
    const rest = COMPANIONS.map((ending) => file + ending).find((name) => fs.existsSync(name));
    if (rest === undefined) return false;
    throw corrupt(file, `it is gone, but ${path.basename(rest)} is still there`);
  }
  let descriptor: number | undefined;
  try {
    if (!fs.statSync(file).isFile()) throw new Error('it is not a regular file');
    descriptor = fs.openSync(file, 'r');
    const header = Buffer.alloc(HEADER_BYTES);
    const length = fs.readSync(descriptor, header, 0, HEADER_BYTES, 0);
    if (length < HEADER_BYTES) throw corrupt(file, 'it is cut off');
    if (header.toString('latin1', 0, HEADER.length) !== HEADER) {
      throw corrupt(file, 'it is no SQLite file');
    }
    // SQLite reads what is missing as zeros. (Beside a log the file may be shorter, and is checked with it.)
    const isLogged = COMPANIONS.some((ending) => fs.existsSync(file + ending));
    if (!isLogged && fs.fstatSync(descriptor).size < sizeByHeader(header)) {
      throw corrupt(file, 'it is cut off');
    }
  } catch (error) {
    throw fileError('FILE_UNREADABLE', file, 'read', error);
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
  try {
    fs.accessSync(file, fs.constants.W_OK);
    fs.accessSync(path.dirname(file), fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'write', error);
  }
  return true;
}

/** Bytes of a whole file: page size, where 1 stands for 65,536, times pages. */
function sizeByHeader(header: Buffer): number {
  const pageBytes = header.readUInt16BE(16);
  return (pageBytes === 1 ? 65_536 : pageBytes) * header.readUInt32BE(28);
}

/** Makes an empty file that only its owner reads; SQLite gives its companions the same mode. */
export function makePrivateFile(file: string): void {
  try {
    const descriptor = fs.openSync(file, 'wx', SECRET_MODE);
    fs.fchmodSync(descriptor, SECRET_MODE); // the umask may have taken bits away
    fs.closeSync(descriptor);
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'create', error);
  }
}

/** Gives a complete file its name, which must be free, for good. */
export function giveName(temporary: string, file: string): void {
  try {
    flush(temporary);
    fs.linkSync(temporary, file);
    fs.rmSync(temporary);
    if (process.platform !== 'win32') flush(path.dirname(file));
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'create', error);
  }
}

/** Removes an unfinished database with what SQLite keeps beside it. */
export function removeTemporary(file: string): void {
  for (const ending of ['', ...COMPANIONS]) fs.rmSync(file + ending, { force: true });
}

/** Writes a whole copy of an open database to a new file; the file appears when it is complete. */
export function copyDatabase(connection: SqliteConnection, file: string): void {
  if (fs.existsSync(file)) {
    const taken = Object.assign(new Error('it exists'), { code: 'EEXIST' });
    throw fileError('FILE_UNWRITABLE', file, 'create', taken);
  }
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.tmp`);
  removeTemporary(temporary);
  makePrivateFile(temporary);
  try {
    connection.run('VACUUM INTO ?', [temporary]);
    giveName(temporary, file);
  } catch (error) {
    removeTemporary(temporary);
    throw error;
  }
}

/** Runs a read-only look at a database and removes the files that SQLite made for it. */
export function withoutTraces<T>(file: string, look: () => T): T {
  const added = [`${file}-shm`, `${file}-wal`].filter((name) => !fs.existsSync(name));
  try {
    return look();
  } finally {
    for (const name of added) fs.rmSync(name, { force: true });
  }
}

function flush(file: string): void {
  const descriptor = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
