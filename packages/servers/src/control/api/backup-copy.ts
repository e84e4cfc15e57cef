/** A copy of the database to be sent away: nameless as soon as it is whole, gone when it has been read. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import { fileError } from '@warren/shell/files/atomic-file';
import type { StateStore } from '../state-store.js';

/** The bytes of a whole SQLite file. */
export interface DatabaseCopy {
  readonly body: ReadableStream<Uint8Array>;
  readonly bytes: number;
}

/** In the state directory, which only its owner reads. One at a time has this name, for a moment. */
const NAME = '.control-download.db';

/** Throws FileError. */
export function copyToSend(store: StateStore, stateDir: string): DatabaseCopy {
  const file = path.join(stateDir, NAME);
  fs.rmSync(file, { force: true }); // of a server that was killed at this moment
  store.backup(file);
  try {
    const descriptor = fs.openSync(file, 'r');
    fs.rmSync(file);
    const { size } = fs.fstatSync(descriptor);
    const stream = fs.createReadStream('', { fd: descriptor });
    return {
      body: Readable.toWeb(stream) as ReadableStream<Uint8Array>,
      bytes: size,
    };
  } catch (error) {
    throw fileError('FILE_UNREADABLE', file, 'read', error);
  }
}
