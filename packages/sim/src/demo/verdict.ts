/**
 * The rule that decides what counts as direct, from evidence outside the nodes' own claims: a pair is
 * direct only when its round trip is that of the wires and the relays carried nothing but disco between
 * its two keys while data moved.
 */
import type { ActualPath, DemoPair, PathMethod } from './report.js';

/**
 * A direct round trip may exceed the wires' by 10 %, or by 5 ms where 10 % is less: in the lab seven
 * daemons and a delayer share this machine's cores. A relayed pair pays at least 30 ms for the relay's access link.
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

/** A pair of which nothing is expected has to talk, and no more. */
export function isAsExpected({ actual, expected }: Pick<DemoPair, 'actual' | 'expected'>): boolean {
  return expected === 'either' ? actual !== 'none' : actual === expected;
}

/** One end of a direct path. */
export interface ReachedEnd {
  /** On the machine's own interfaces. */
  readonly addresses: readonly string[];
  /** Of its static endpoints. */
  readonly configured: readonly string[];
  /** The other end sends to a port that its router maps for it; absent: not known. */
  readonly mapped?: boolean;
  /** The other end sends from a socket that searched for foretold ports; absent: not known. */
  readonly foretold?: boolean;
  /** The other end's search was one of guesses among many sockets, on either side; absent: not known. */
  readonly guessed?: boolean;
  /** The address under which the other end reaches it; null: unknown. */
  readonly remote: string | null;
}

export interface MethodEvidence {
  readonly actual: ActualPath;
  readonly from: ReachedEnd;
  readonly to: ReachedEnd;
}

/**
 * What made the path possible, from the addresses it uses. `open` goes before `static`: towards a public
 * address it is chance which of the ways back was the first. IPv6 in use says enough by itself. Sockets of a search
 * that reach a static endpoint owe nothing to it: on a busy computer it may begin before that has answered. A public
 * address may have a firewall, which the search has opened.
 */
export function methodOf({ actual, from, to }: MethodEvidence): PathMethod | null {
  if (actual === 'none') return null;
  if (actual !== 'direct') return 'relay';
  const ends = [from, to];
  if (ends.some(({ remote }) => remote?.includes(':') === true)) return 'ipv6';
  if (ends.every((end) => isOpen(end) && isPrivateV4(end.remote ?? ''))) return 'lan';
  const isSearched = ends.some(({ foretold }) => foretold === true);
  if (!isSearched && ends.some(isOpen)) return 'open';
  if (ends.some(isConfigured)) return 'static';
  if (isSearched) return ends.some(({ guessed }) => guessed === true) ? 'birthday' : 'predict';
  return ends.some(({ mapped }) => mapped === true) ? 'portmap' : 'punch';
}

/**
 * Whether an own endpoint is a port that a router maps for us: one that it granted, but for a dead one (a NAT that keeps
 * ports shows the same endpoint, and punching opened it), or one that was guessed and proven. `type` is status' word.
 */
export function isMappedPort(type: string, verified: string | null | undefined): boolean {
  if (type === 'portmap') return verified !== 'no';
  return type === 'stun-local-port' && verified === 'yes';
}

function isOpen({ addresses, remote }: ReachedEnd): boolean {
  return remote !== null && addresses.includes(remote);
}

function isConfigured({ configured, remote }: ReachedEnd): boolean {
  return remote !== null && configured.includes(remote);
}

function isPrivateV4(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
}
