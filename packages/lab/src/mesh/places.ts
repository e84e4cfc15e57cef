/** Where Warren's files and sockets are inside a place; each place has its own /run and /var/lib. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../errors.js';
import type { World } from '../world/world.js';

/** Output of the servers and daemons of a place. */
export const LOG_FILE = '/run/warren.log';
export const STATS_SOCKET = '/run/stats.sock';
/** The hub's own default, so that `warren control` in its shell needs no flag. */
export const ADMIN_SOCKET = '/run/warren/hub.sock';
export const HUB_STATE = '/var/lib/warren/hub';
export const RELAY_STATE = '/var/lib/warren/relay';
/** The daemon's own state and socket, at their default paths. */
export const NODE_STATE = '/var/lib/warren';
const DAEMON_SOCKET = '/run/warren/warren.sock';

/** Starting a process takes a tenth of a second; this is for a machine in trouble. */
const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
/** Of a log, in an error. */
const LOG_TAIL_CHARS = 1500;

/** Unix sockets of a place, as the outside connects to them. */
export const statsSocketOf = (world: World, place: string): string =>
  world.path(place, STATS_SOCKET);
export const daemonSocketOf = (world: World, machine: string): string =>
  world.path(machine, DAEMON_SOCKET);

/** The end of what a place's servers and daemons said. */
export function tailOfLog(world: World, place: string): string {
  try {
    return readFileSync(world.path(place, LOG_FILE), 'utf8').slice(-LOG_TAIL_CHARS);
  } catch {
    return '(no log)';
  }
}

/**
 * Repeats `attempt` until it succeeds. Throws LAB_NOT_READY with the last reason and the place's log when it
 * never does, and LAB_WORLD_ENDED as soon as nothing can come up any more.
 */
export async function until<T>(
  world: World,
  place: string,
  what: string,
  attempt: () => T | Promise<T>,
  timeoutMs: number = READY_TIMEOUT_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  const life = { isOver: false };
  void world.ended.then(() => {
    life.isOver = true;
  });
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (life.isOver) {
        throw new LabError(
          'LAB_WORLD_ENDED',
          `the world has ended before ${what} came up`,
          'start a new world',
        );
      }
      if (performance.now() > deadline) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new LabError(
          'LAB_NOT_READY',
          `${what} did not come up: ${reason}\n${tailOfLog(world, place)}`,
          'run the demo with --keep and look around with `warren lab shell MACHINE`',
        );
      }
      await sleep(POLL_MS);
    }
  }
}
