/**
 * The rule that decides what counts as direct, from evidence outside the nodes' own claims: a pair is
 * direct only when its round trip is that of the wires and the relays carried nothing but disco between
 * its two keys while data moved.
 */
import type { ActualPath, PathMethod } from '@warren/sim/demo/report';

/**
 * A direct round trip may exceed the wires' by 10 %, or by 5 ms where 10 % is less: four daemons and a
 * delayer share this machine's cores. A relayed pair pays at least 30 ms for the relay's access link.
 */
const RTT_SLACK = 0.1;
const RTT_SLACK_FLOOR_MS = 5;

export interface PairEvidence {
  /**
   * The best of several application round trips through the tunnel: what a busy machine adds is noise, and
   * noise only adds. null: nothing came back.
   */
  readonly bestRttMs: number | null;
  readonly wireRttMs: number;
  /** Data frames that the relays carried between the two keys while data moved; null: not known. */
  readonly relayDataFrames: number | null;
}

/** The longest round trip that still counts as direct. */
export function directLimitMs(wireRttMs: number): number {
  return wireRttMs + Math.max(RTT_SLACK_FLOOR_MS, wireRttMs * RTT_SLACK);
}

/**
 * What really happened, whatever the nodes say. `none` also where nothing is proven: silent relays, but a
 * round trip that is not the wires'.
 */
export function judge(evidence: PairEvidence): ActualPath {
  if (evidence.bestRttMs === null || evidence.relayDataFrames === null) return 'none';
  if (evidence.relayDataFrames > 0) return 'relay';
  return evidence.bestRttMs <= directLimitMs(evidence.wireRttMs) ? 'direct' : 'none';
}

export interface MethodEvidence {
  readonly actual: ActualPath;
  /** Addresses on the two machines' own interfaces. */
  readonly fromAddresses: readonly string[];
  readonly toAddresses: readonly string[];
  /** Addresses (without port) that the direct path uses at each end, as the other end sees them. */
  readonly fromRemote: string | null;
  readonly toRemote: string | null;
}

/** What made the path possible, from the addresses it uses. */
export function methodOf(evidence: MethodEvidence): PathMethod | null {
  if (evidence.actual === 'none') return null;
  if (evidence.actual !== 'direct') return 'relay';
  const isOpen = (own: readonly string[], used: string | null): boolean =>
    used !== null && own.includes(used);
  const fromOpen = isOpen(evidence.fromAddresses, evidence.fromRemote);
  const toOpen = isOpen(evidence.toAddresses, evidence.toRemote);
  if (fromOpen && toOpen && evidence.toRemote !== null && isPrivateV4(evidence.toRemote))
    return 'lan';
  if (fromOpen || toOpen) return 'open';
  return 'punch';
}

function isPrivateV4(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
}
