/** What a contender is to a measurement: a way from `left` to `right`, and the processes that carry it. */
import type { IpFamily } from '@warren/core/ip/address';
import { runOrThrow } from '../world/run-or-throw.js';
import type { World } from '../world/world.js';
import { LEFT } from './two-machines.js';

export interface Tunnel {
  readonly world: World;
  /** Addresses of `right` through the tunnel. */
  readonly targets: Readonly<Partial<Record<IpFamily, string>>>;
  /** How its packets move here, in its own words; absent or empty: it has none. */
  readonly way?: string;
  /** The processes of both ends, as the world counts; what they have started counts with them. */
  readonly processes: readonly number[];
  /** Rejects when data would not take this tunnel, but a detour. Asked before and after each measurement. */
  readonly check: () => Promise<void>;
}

/** A contender that has just started needs no longer for its first answer, in a busy computer. */
const FIRST_ANSWER_SECONDS = 30;

/** The address for a family; throws where the tunnel has none. */
export function targetOf({ targets }: Pick<Tunnel, 'targets'>, family: IpFamily): string {
  const target = targets[family];
  if (target === undefined) throw new Error(`the tunnel has no IPv${family}`);
  return target;
}

/** Pings until the first answer, in each family. */
export async function firstAnswers({
  world,
  targets,
}: Pick<Tunnel, 'world' | 'targets'>): Promise<void> {
  const patience = ['-c', '1', '-w', String(FIRST_ANSWER_SECONDS), '-i', '0.2'];
  for (const target of Object.values(targets)) {
    await runOrThrow(world, LEFT, ['ping', '-n', '-q', ...patience, target]);
  }
}
