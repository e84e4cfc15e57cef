/**
 * The control server's identity: one X25519 key, made at the first start. Losing it strands every client
 * that runs, so a damaged file is refused and never replaced.
 */
import * as path from 'node:path';
import {
  formatPrivateKey,
  generatePrivateKey,
  type MachinePrivateKey,
  parsePrivateKey,
} from '@warren/core/keys/keys';
import type { Random } from '@warren/core/ports';
import { createFileAtomic, readStateFile } from '@warren/shell/files/atomic-file';
import { ControlError } from '../errors.js';

const FILE_NAME = 'control.key';

/** The key in `directory` (mode 0600), made when there is none. */
export function loadOrMakeControlKey(directory: string, random: Random): MachinePrivateKey {
  const file = {
    path: path.join(directory, FILE_NAME),
    what: "the control server's key",
    parse: (text: string) => parsePrivateKey('machine', text.trim()),
    onCorrupt: 'refuse',
  } as const;
  const stored = readStateFile(file);
  if (stored !== undefined) return stored;
  const made = generatePrivateKey('machine', random);
  if (createFileAtomic(file.path, `${formatPrivateKey(made)}\n`)) return made;
  const theirs = readStateFile(file); // another process was faster
  if (theirs !== undefined) return theirs;
  throw new ControlError(
    'CONTROL_KEY_MISSING',
    `the control server's key vanished while it was read: ${file.path}`,
    'Start the server again.',
  );
}
