/** Pings from one machine to another until they are direct, or can't be expected to become so. */
import { LOCAL_API_HOST, type PingLine, type PingRequest } from '@warren/node/local-api/protocol';
import { daemonSocketOf } from '../mesh/places.js';
import { postForLines } from '../mesh/socket-json.js';
import type { World } from '../world/world.js';
import type { PairMember } from './pair-member.js';

/**
 * Five pings a second for fifteen seconds: two discovery rounds for a pair that stays on its relay, and time for pairs
 * that take turns in searching for ports.
 */
const PING_COUNT = 75;
const PING_INTERVAL_MS = 200;
/** A ping that is not answered takes 5 s. */
const PING_SILENCE_MS = 30_000;

/** How often, and how far apart. */
export interface PingPace {
  readonly count: number;
  readonly intervalMs: number;
}

/** When what came first, in milliseconds from the first ping. */
export interface PingOutcome {
  readonly firstReplyMs: number | null;
  readonly directMs: number | null;
}

/** As `warren ping --json` does, without a process for each pair. */
export async function pingPair(
  world: World,
  from: PairMember,
  to: PairMember,
  pace: PingPace = { count: PING_COUNT, intervalMs: PING_INTERVAL_MS },
): Promise<PingOutcome> {
  const request: PingRequest = { peer: to.address, ...pace };
  const lines = await postForLines<PingLine>(
    daemonSocketOf(world, from.name),
    LOCAL_API_HOST,
    '/v0/ping',
    request,
    PING_SILENCE_MS,
  );
  return {
    firstReplyMs: lines.find((line) => line.path !== 'none')?.elapsedMs ?? null,
    directMs: lines.find((line) => line.path === 'direct')?.elapsedMs ?? null,
  };
}
