/** What a process costs, out of /proc; that of a world as the world sees it. Throws when it has ended. */
import { readFileSync } from 'node:fs';
import type { World } from './world.js';

/** USER_HZ, the unit of times in /proc/PID/stat, is 100 on every Linux of today. */
const TICKS_A_SECOND = 100;

export interface ProcessTimes {
  readonly parent: number;
  /** User and system, of all its threads. */
  readonly cpuSeconds: number;
}

export function timesOf(world: World, pid: number): ProcessTimes {
  return parseProcessTimes(readFileSync(world.path('world', `/proc/${pid}/stat`), 'utf8'));
}

/** `text`: of /proc/PID/stat. */
export function parseProcessTimes(text: string): ProcessTimes {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { parent: Number(fields[1]), cpuSeconds: ticks / TICKS_A_SECOND };
}

/** Bytes of memory that it has resident. */
export function residentBytesOf(world: World, pid: number): number {
  const status = readFileSync(world.path('world', `/proc/${pid}/status`), 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
