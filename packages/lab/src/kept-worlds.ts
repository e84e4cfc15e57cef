/**
 * Worlds that live on after the command that started them: a record file each, in a directory of the
 * session, so that later commands find them (`warren lab shell MACHINE`, `warren lab down`).
 *
 * The directory is /run/warren-lab for root, $XDG_RUNTIME_DIR/warren-lab for others; it vanishes at reboot,
 * as do the worlds. Only a directory that nobody else can write to is believed: a record names a process to
 * kill and to enter. A record names its process by PID and start time, so a reused PID is never taken for a
 * world; records of worlds that are gone are removed by whoever looks.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './errors.js';
import { startTimeOf } from './world/host-processes.js';

/** A kept world that runs. */
export interface KeptWorld {
  readonly name: string;
  /** PID of its first process, as the host counts. */
  readonly pid: number;
  /** Machines and hosts. */
  readonly views: readonly string[];
  /** The process that holds the view of each, as the world counts. */
  readonly holders: Readonly<Record<string, number>>;
}

interface WorldRecord extends KeptWorld {
  readonly startTime: string;
}

/** Of a file's mode: its kind, and the rights of group and others to write. */
const S_IFMT = 0o170_000;
const S_IFDIR = 0o040_000;
const OTHERS_WRITE = 0o022;

/** The kernel kills even a busy world within this time. */
const endMs = 10_000;

function recordDirectory(): string {
  if (process.geteuid?.() === 0) return '/run/warren-lab';
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return join(
    runtime ?? tmpdir(),
    runtime === undefined ? `warren-lab-${process.getuid?.()}` : 'warren-lab',
  );
}

/** True for a directory that is ours alone to write to; in /tmp somebody else may have made it first. */
export function isOurDirectory(directory: string): boolean {
  try {
    const { uid, mode } = lstatSync(directory);
    return (
      (mode & S_IFMT) === S_IFDIR && uid === process.geteuid?.() && (mode & OTHERS_WRITE) === 0
    );
  } catch {
    return false;
  }
}

function recordPath(name: string): string {
  return join(recordDirectory(), `${name}.json`);
}

function readRecord(name: string): WorldRecord | undefined {
  if (!isOurDirectory(recordDirectory())) return undefined;
  try {
    return JSON.parse(readFileSync(recordPath(name), 'utf8')) as WorldRecord;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startTime }: WorldRecord): boolean {
  return startTimeOf(pid) === startTime;
}

function removeRecord(name: string): void {
  rmSync(recordPath(name), { force: true });
  try {
    rmdirSync(recordDirectory());
  } catch {
    // Other worlds have records there.
  }
}

/** The kept worlds that run, by name. */
export function listWorlds(): KeptWorld[] {
  if (!isOurDirectory(recordDirectory())) return [];
  const files = readdirSync(recordDirectory());
  const worlds: KeptWorld[] = [];
  for (const file of files.filter((candidate) => candidate.endsWith('.json')).sort()) {
    const name = file.slice(0, -'.json'.length);
    const record = readRecord(name);
    if (record !== undefined && isAlive(record)) {
      const { pid, views, holders } = record;
      worlds.push({ name, pid, views, holders });
    } else {
      removeRecord(name);
    }
  }
  return worlds;
}

/** The kept world of that name, or without a name the only one. Throws LAB_WORLD_UNKNOWN. */
export function findWorld(name?: string): KeptWorld {
  const worlds = listWorlds();
  const found = name === undefined ? worlds : worlds.filter((world) => world.name === name);
  const [world] = found;
  if (world !== undefined && found.length === 1) return world;
  const running = worlds.map((candidate) => candidate.name).join(', ');
  if (worlds.length === 0) {
    throw new LabError(
      'LAB_WORLD_UNKNOWN',
      'no lab world is running',
      'start one that stays: warren demo --keep',
    );
  }
  throw new LabError(
    'LAB_WORLD_UNKNOWN',
    name === undefined ? 'several lab worlds are running' : `no lab world "${name}" is running`,
    `name one of: ${running}`,
  );
}

/** Throws LAB_WORLD_TAKEN when a kept world of that name runs. */
export function requireFreeName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new LabError(
      'LAB_WORLD_UNKNOWN',
      `"${name}" is no name for a world`,
      'use small letters, digits and hyphens; at most 31',
    );
  }
  if (listWorlds().some((world) => world.name === name)) {
    throw new LabError(
      'LAB_WORLD_TAKEN',
      `a lab world "${name}" is running already`,
      `end it first: warren lab down ${name}`,
    );
  }
}

/** Writes the record of a world. */
export function rememberWorld(world: KeptWorld): void {
  const startTime = startTimeOf(world.pid) ?? '';
  const directory = recordDirectory();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!isOurDirectory(directory)) {
    throw new LabError(
      'LAB_WORLD_START',
      `a world can't be kept: somebody else can write to ${directory}`,
      'remove it, or set XDG_RUNTIME_DIR to a directory of your own',
    );
  }
  const record: WorldRecord = { ...world, startTime };
  writeFileSync(recordPath(world.name), `${JSON.stringify(record)}\n`, { mode: 0o600 });
}

/** Removes the record of a world that is gone, unless another world has taken its name. */
export function forgetWorld(name: string, pid: number): void {
  if (readRecord(name)?.pid === pid) removeRecord(name);
}

/** Ends a kept world with all that runs in it; resolves when it is gone. */
export async function endWorld(name?: string): Promise<void> {
  const world = findWorld(name);
  const record = readRecord(world.name);
  process.kill(world.pid, 'SIGKILL');
  const givenUpAt = Date.now() + endMs;
  while (record !== undefined && isAlive(record) && Date.now() < givenUpAt) await sleep(5);
  removeRecord(world.name);
}
