/** Waiting until a contender that has just started does nothing by itself any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf } from './process-costs.js';
import type { Tunnel } from './tunnel.js';

const LOOK_MS = 1000;
/** Of both ends together: what daemons that nobody uses take stays below. */
const RESTING_CPU_SECONDS = 0.05;
/** Network checks and the news of a thousand machines are over by then, on a busy computer too. */
const LIMIT_MS = 15_000;

/** Resolves when a second passed in which the tunnel's processes took next to nothing, or after 15 s. */
export async function untilResting(tunnel: Tunnel): Promise<void> {
  const endsAt = performance.now() + LIMIT_MS;
  let before = cpuSecondsOf(tunnel);
  while (performance.now() < endsAt) {
    await sleep(LOOK_MS);
    const now = cpuSecondsOf(tunnel);
    if (now - before < RESTING_CPU_SECONDS) return;
    before = now;
  }
}
