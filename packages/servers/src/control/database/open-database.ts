/** The database of a state directory, control.db; at its first start with what control.json held until now. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ControlState } from '@warren/core/control/server/state';
import { fileError, readStateFile } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../../errors.js';
import type { ControlDatabase } from './control-database.js';
import { decodeJsonState, isNewerJsonState } from './json-state.js';
import { openSqliteDatabase } from './sqlite-database.js';

/** Throws FileError or {@link ControlError}. */
export function openDatabase(stateDir: string, log: Logger): ControlDatabase {
  const json = path.join(stateDir, 'control.json');
  let imported: ControlState | undefined;
  const database = openSqliteDatabase({
    path: path.join(stateDir, 'control.db'),
    log,
    initial: () => {
      imported = readJson(json);
      return imported;
    },
  });
  if (imported !== undefined) {
    try {
      setAside(json);
    } catch (error) {
      database.close();
      throw error;
    }
    log.info('state moved from control.json into control.db', { nodes: imported.nodes.size });
  } else if (fs.existsSync(json)) {
    log.warn('control.json is not read any more: control.db holds the state', { file: json });
  }
  return database;
}

function readJson(file: string): ControlState | undefined {
  return readStateFile({
    path: file,
    what: "the control server's state",
    parse: (text) => {
      if (!isNewerJsonState(text)) return decodeJsonState(text);
      throw new ControlError(
        'CONTROL_STATE_VERSION',
        `the control server's state was written by a newer Warren: ${file}`,
        'Run that version again, or restore a backup from before the upgrade. The file was not changed.',
      );
    },
    onCorrupt: 'refuse',
  });
}

/** Kept for whoever goes back to an older version; a second start must not find it. */
function setAside(file: string): void {
  try {
    fs.renameSync(file, `${file}.imported`);
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'rename', error);
  }
}
