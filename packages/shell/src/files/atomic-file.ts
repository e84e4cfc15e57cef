/**
 * State files that survive a crash: written beside their target, flushed, renamed, and the directory
 * flushed too. A reader sees the old content or the new, never a part. Synchronous, because state must be
 * on disk before the next protocol step.
 *
 * Reading tells apart missing, unreadable and corrupt. A corrupt file is never overwritten: it is refused
 * (identities) or kept aside under another name (what can be made again).
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { FileError, type FileErrorCode } from '../errors.js';

/** Only the owner reads state: it holds private keys. */
const SECRET_MODE = 0o600;
const SECRET_DIRECTORY_MODE = 0o700;
/** No state file is near this; a wrong path (a disk image, a device) is not read into memory. */
const LARGEST_FILE_BYTES = 64 * 1024 * 1024;
/** Copies of corrupt files under one name before we give up; each needs a person's look anyway. */
const MOST_ASIDE = 1000;

/** Replaces `file` with `content`, or creates it. Mode 0600 unless `mode` says otherwise. */
export function writeFileAtomic(
  file: string,
  content: string | Uint8Array,
  mode: number = SECRET_MODE,
): void {
  try {
    const temporary = writeTemporary(file, content, mode);
    try {
      fs.renameSync(temporary, file);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw error;
    }
    flushDirectory(path.dirname(file));
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'write', error);
  }
}

/**
 * Like {@link writeFileAtomic}, but never replaces: returns false when the file exists already. Of two
 * processes that create the same identity, one wins and the other reads it.
 */
export function createFileAtomic(
  file: string,
  content: string | Uint8Array,
  mode: number = SECRET_MODE,
): boolean {
  try {
    const temporary = writeTemporary(file, content, mode);
    try {
      fs.linkSync(temporary, file);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    } finally {
      fs.rmSync(temporary, { force: true });
    }
    flushDirectory(path.dirname(file));
    return true;
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'create', error);
  }
}

/** The content of `file`; undefined when it does not exist. Throws {@link FileError} otherwise. */
export function readFileIfPresent(file: string): Uint8Array | undefined {
  try {
    const stat = fs.statSync(file);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.size > LARGEST_FILE_BYTES)
      throw new Error(`it is larger than ${LARGEST_FILE_BYTES} bytes`);
    return new Uint8Array(fs.readFileSync(file));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError('FILE_UNREADABLE', file, 'read', error);
  }
}

/** The content of a file that must exist. `what` names it for people: `the relay's certificate`. */
export function readFileStrict(file: string, what: string): Uint8Array {
  const content = readFileIfPresent(file);
  if (content !== undefined) return content;
  throw new FileError(
    'FILE_MISSING',
    file,
    `${what} is missing: ${file}`,
    'Check the path, or restore the file from a backup.',
  );
}

/** How {@link readStateFile} reads one kind of file. */
export interface StateFile<T> {
  readonly path: string;
  /** For people: `the node's private key`. */
  readonly what: string;
  /** Undefined: the content makes no sense. Must not throw. */
  readonly parse: (text: string) => T | undefined;
  /**
   * `refuse`: a corrupt file stops the program and stays where it is; right for identities.
   * `keep-aside`: it is renamed and the answer is as if it were missing; right for what can be made again.
   */
  readonly onCorrupt: 'refuse' | 'keep-aside';
}

/** The parsed content, or undefined when there is none (yet). Throws {@link FileError}. */
export function readStateFile<T>(state: StateFile<T>): T | undefined {
  const content = readFileIfPresent(state.path);
  if (content === undefined) return undefined;
  const parsed = state.parse(Buffer.from(content).toString('utf8'));
  if (parsed !== undefined) return parsed;
  if (state.onCorrupt === 'keep-aside') {
    keepAside(state.path, 'corrupt');
    return undefined;
  }
  throw new FileError(
    'FILE_CORRUPT',
    state.path,
    `${state.what} is damaged: ${state.path}`,
    'Restore it from a backup; or move it away to start with a new one. It was not changed.',
  );
}

/** Reads a state file, or makes and stores its content when it does not exist. */
export function loadOrCreate<T>(
  state: StateFile<T>,
  create: () => T,
  format: (value: T) => string,
): T {
  const present = readStateFile(state);
  if (present !== undefined) return present;
  const made = create();
  if (createFileAtomic(state.path, format(made))) return made;
  const theirs = readStateFile(state);
  if (theirs !== undefined) return theirs;
  throw new FileError(
    'FILE_UNWRITABLE',
    state.path,
    `${state.what} appears and vanishes: ${state.path}`,
    'Is another process using the same state directory? Stop one of them.',
  );
}

/** Renames `file` to a free name `<file>.<label>-<n>` and returns that name. */
export function keepAside(file: string, label: string): string {
  const aside = linkAside(file, label);
  try {
    fs.rmSync(file);
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', file, 'rename', error);
  }
  return aside;
}

/** Gives `file` a second name `<file>.<label>-<n>`, so that it may be replaced, and returns that name. */
export function linkAside(file: string, label: string): string {
  for (let n = 1; n <= MOST_ASIDE; n++) {
    const aside = `${file}.${label}-${n}`;
    try {
      fs.linkSync(file, aside);
      return aside;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw fileError('FILE_UNWRITABLE', file, 'rename', error);
    }
  }
  throw new FileError(
    'FILE_UNWRITABLE',
    file,
    `there are already ${MOST_ASIDE} copies of ${file} kept aside`,
    'Delete old copies, then try again.',
  );
}

/** Makes a private directory (mode 0700) with its parents, if it is missing. */
export function ensureDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: SECRET_DIRECTORY_MODE });
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw fileError('FILE_UNWRITABLE', directory, 'create', error);
  }
}

function writeTemporary(file: string, content: string | Uint8Array, mode: number): string {
  const name = `.${path.basename(file)}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  const temporary = path.join(path.dirname(file), name);
  const descriptor = fs.openSync(temporary, 'wx', mode);
  try {
    fs.fchmodSync(descriptor, mode); // the umask may have taken bits away
    fs.writeFileSync(descriptor, content);
    fs.fsyncSync(descriptor);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
  return temporary;
}

/** Makes the rename itself durable. Windows can't open directories and needs no flush of them. */
function flushDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Run as the user that owns it, or give this user the rights.',
  EPERM: 'Run as the user that owns it, or give this user the rights.',
  EROFS: 'The file system is read-only: choose a state directory elsewhere.',
  ENOSPC: 'The disk is full: free some space and try again.',
  EDQUOT: 'The disk quota is used up: free some space and try again.',
  ENOENT: 'Its directory does not exist: create it, or choose another.',
  ENOTDIR: 'A part of the path is a file, not a directory: choose another path.',
  EISDIR: 'It is a directory: choose another path.',
  EEXIST: 'Something else has that name: move it away, or choose another path.',
};

/** What a failed write of `file` means to people. */
export function unwritable(file: string, cause: unknown): FileError {
  return fileError('FILE_UNWRITABLE', file, 'write', cause);
}

/** The error for a failed system call on `file`; a FileError is given back as it is. */
export function fileError(
  code: FileErrorCode,
  file: string,
  verb: string,
  cause: unknown,
): FileError {
  if (cause instanceof FileError) return cause;
  const errno = errnoOf(cause);
  const reason = errno ?? (cause instanceof Error ? cause.message : String(cause));
  const hint = HINTS[errno ?? ''] ?? 'Check the path and the disk.';
  return new FileError(code, file, `can't ${verb} ${file}: ${reason}`, hint, cause);
}
