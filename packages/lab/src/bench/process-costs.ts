/**
 * What the processes of a tunnel cost, out of /proc as the world sees it: a process counts with all its threads
 * and with what it has started.
 */
import { readdirSync } from 'node:fs';
import { type ProcessTimes, residentBytesOf, timesOf } from '../world/process-numbers.js';
import type { World } from '../world/world.js';
import type { Tunnel } from './tunnel.js';

interface Process extends ProcessTimes {
  readonly pid: number;
}

/** Undefined: it has ended meanwhile. */
function readProcess(world: World, pid: number): Process | undefined {
  try {
    return { pid, ...timesOf(world, pid) };
  } catch {
    return undefined;
  }
}

/** The processes of a tunnel and all their descendants; throws when one of the former is gone. */
function processesOf({ world, processes }: Tunnel): readonly Process[] {
  const pids = readdirSync(world.path('world', '/proc')).filter((name) => /^\d+$/.test(name));
  const all = pids.flatMap((pid) => readProcess(world, Number(pid)) ?? []);
  const found = all.filter(({ pid }) => processes.includes(pid));
  if (found.length < processes.length) throw new Error('a process of the tunnel has ended');
  for (const { pid } of found) {
    // The list grows while it is walked: children's children too.
    found.push(...all.filter((child) => child.parent === pid && !found.includes(child)));
  }
  return found;
}

/** CPU seconds that both ends have taken so far. */
export function cpuSecondsOf(tunnel: Tunnel): number {
  return processesOf(tunnel).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Bytes of memory that both ends have resident. */
export function residentBytes(tunnel: Tunnel): number {
  const { world } = tunnel;
  return processesOf(tunnel).reduce((sum, { pid }) => sum + residentBytesOf(world, pid), 0);
}
