/**
 * What the processes of a tunnel cost, out of /proc as the world sees it: a process counts with all its threads
 * and with what it has started.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Tunnel } from './tunnel.js';

/** USER_HZ, the unit of times in /proc/PID/stat, is 100 on every Linux of today. */
const TICKS_A_SECOND = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** Undefined: it has ended meanwhile. */
function readProcess(proc: string, pid: number): Process | undefined {
  try {
    const text = readFileSync(`${proc}/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { pid, parent: Number(fields[1]), cpuSeconds: ticks / TICKS_A_SECOND };
  } catch {
    return undefined;
  }
}

/** The processes of a tunnel and all their descendants; throws when one of the former is gone. */
function processesOf({ world, processes }: Tunnel): readonly Process[] {
  const proc = world.path('world', '/proc');
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  const all = pids.flatMap((pid) => readProcess(proc, Number(pid)) ?? []);
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
export function residentBytesOf(tunnel: Tunnel): number {
  const proc = tunnel.world.path('world', '/proc');
  return processesOf(tunnel).reduce((sum, { pid }) => {
    const status = readFileSync(`${proc}/${pid}/status`, 'utf8');
    return sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }, 0);
}
