/**
 * Gives the processes of a place another wall clock, which can be set while they run: Debian's libfaketime,
 * preloaded, reads the offset from a file of the place each time somebody asks for the time. The monotonic
 * clock stays what it is.
 */
import { existsSync } from 'node:fs';
import type { World } from '../world/world.js';

const MULTIARCH: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};
const LIBRARY = `/usr/lib/${MULTIARCH[process.arch] ?? process.arch}/faketime/libfaketimeMT.so.1`;
const OFFSET_FILE = '/run/clock-offset';

/** Of processes that shall have a clock of their own; right until {@link setClock} says otherwise. */
export const OTHER_CLOCK_ENV: Readonly<Record<string, string>> = {
  LD_PRELOAD: LIBRARY,
  FAKETIME_TIMESTAMP_FILE: OFFSET_FILE,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  FAKETIME_NO_CACHE: '1',
};

/** Whether to skip tests that need it. Throws under CI=true, where nothing is skipped. */
export function skipsOtherClock(): boolean {
  if (existsSync(LIBRARY)) return false;
  const missing = `${LIBRARY} is missing (Debian's package faketime; scripts/install-peers.sh)`;
  if (process.env['CI'] === 'true') throw new Error(`CI=true insists: ${missing}`);
  process.stderr.write(`tests with other clocks are skipped: ${missing}\n`);
  return true;
}

/** Sets the clock of a place: so many seconds ahead of the computer's, or behind. */
export async function setClock(world: World, place: string, aheadS: number): Promise<void> {
  const offset = aheadS < 0 ? String(aheadS) : `+${aheadS}`;
  // In one step: somebody reads it all the time.
  const script = `echo '${offset}' > ${OFFSET_FILE}.new && mv ${OFFSET_FILE}.new ${OFFSET_FILE}`;
  const { code, stderr } = await world.run(place, ['sh', '-c', script]);
  if (code !== 0) throw new Error(`the clock of ${place} can't be set: ${stderr}`);
}
