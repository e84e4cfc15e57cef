/** What /proc of the host tells about a world's processes. PIDs here are the host's. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** All PIDs of the host. */
function hostPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The fields of /proc/PID/stat after the command name: [0] state, [1] parent, [19] start time. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** The only child of a process; undefined when it has none (yet). */
export function childOf(pid: number): number | undefined {
  return hostPids().find((candidate) => statFields(candidate)?.[1] === String(pid));
}

/** When a process started, in clock ticks since boot: with its PID it names a process for good. */
export function startTimeOf(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

/** Identity of the PID namespace that a process lives in. */
export function pidNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Every process of a PID namespace. */
export function processesIn(pidNamespace: string): number[] {
  return hostPids().filter((pid) => pidNamespaceOf(pid) === pidNamespace);
}
