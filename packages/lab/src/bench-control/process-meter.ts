/** What a process costs, out of /proc of this namespace. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseProcessTimes } from '../world/process-numbers.js';

const SAMPLE_MS = 1_000;
const KB = 1_000;
const KIB = 1_024;

/** CPU seconds, user and system, of all its threads since it began. */
export function cpuSecondsOf(pid: number): number {
  return parseProcessTimes(readFileSync(`/proc/${pid}/stat`, 'utf8')).cpuSeconds;
}

export interface Memory {
  /** Resident, in MB. */
  readonly rssMB: number;
  /** The same without what other processes share, in MB. */
  readonly pssMB: number;
  /** Most that was ever resident, in MB. */
  readonly peakMB: number;
}

function field(text: string, name: string): number {
  const kib = Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return (kib * KIB) / KB / KB;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return {
    rssMB: field(status, 'VmRSS'),
    pssMB: field(rollup, 'Pss'),
    peakMB: field(status, 'VmHWM'),
  };
}

/** Samples a process every second until told to end; a collector's saw makes one look worth little. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #samples: Memory[] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(pid: number) {
    this.#pid = pid;
    this.#done = this.#run();
  }

  /** All samples; at least one. */
  async end(): Promise<readonly Memory[]> {
    this.#abort.abort();
    await this.#done;
    return [...this.#samples, memoryOf(this.#pid)];
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#samples.push(memoryOf(this.#pid));
      await sleep(SAMPLE_MS, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }
}
