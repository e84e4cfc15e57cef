/** Waiting until a contender that has just started does nothing by itself any more. */
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 1000;
/** Of both ends together: what daemons that nobody uses take stays below. */
const RESTING_CPU_SECONDS = 0.05;
/** Network checks and the news of a thousand machines are over by then, on a busy computer too. */
const LIMIT_MS = 15_000;

/** Resolves when a second passed in which its processes took next to nothing of `cpuSeconds`, or after 15 s. */
export async function untilResting(cpuSeconds: () => number): Promise<void> {
  const endsAt = performance.now() + LIMIT_MS;
  let before = cpuSeconds();
  while (performance.now() < endsAt) {
    await sleep(LOOK_MS);
    const now = cpuSeconds();
    if (now - before < RESTING_CPU_SECONDS) return;
    before = now;
  }
}
