/**
 * What a pair of the simulated demo counts as, by the lab's rule: direct only when its round trip is that of
 * the wires and the relays carried no data between its keys meanwhile.
 */

import type { Path } from '@warren/core/engines/paths';
import { endpointAddress, type IpAddress } from '@warren/core/ip/address';
import { isPrivate } from '@warren/core/ip/classes';
import type { ActualPath, PathMethod } from './report.js';

/** As in the lab (docs/adr/0001), though a simulated clock needs no slack. */
const RTT_SLACK = 0.1;
const RTT_SLACK_FLOOR_MS = 5;

export interface PairEvidence {
  /** null: nothing came back. */
  readonly rttMs: number | null;
  readonly wireRttMs: number;
  readonly relayDataFrames: number;
}

export function judge({ rttMs, wireRttMs, relayDataFrames }: PairEvidence): ActualPath {
  if (rttMs === null) return 'none';
  if (relayDataFrames > 0) return 'relay';
  const limitMs = wireRttMs + Math.max(RTT_SLACK_FLOOR_MS, wireRttMs * RTT_SLACK);
  return rttMs <= limitMs ? 'direct' : 'none';
}

/** One end of a pair, as its peer reaches it. */
export interface Reached {
  /** Addresses on its own interface. */
  readonly own: readonly IpAddress[];
  readonly staticEndpoints: readonly string[];
  /** The way that the other end uses. */
  readonly by: Path | undefined;
}

/** What made the path possible, from the addresses it uses. */
export function methodOf(actual: ActualPath, a: Reached, b: Reached): PathMethod | null {
  if (actual === 'none') return null;
  if (actual !== 'direct') return 'relay';
  if (isLan(a) && isLan(b)) return 'lan';
  if (isOpen(a) || isOpen(b)) return 'open';
  return isStatic(a) || isStatic(b) ? 'static' : 'punch';
}

function isOpen({ own, by }: Reached): boolean {
  return by?.kind === 'direct' && own.includes(endpointAddress(by.remote));
}

function isLan(end: Reached): boolean {
  return isOpen(end) && end.own.some(isPrivate);
}

function isStatic({ staticEndpoints, by }: Reached): boolean {
  return by?.kind === 'direct' && staticEndpoints.includes(by.remote);
}
