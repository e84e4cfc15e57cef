/**
 * The arithmetic of the oracle: what one end of a pair is like in one family, how many ports have to be tried, and
 * how often guesses meet.
 *
 *     hits of guesses among the sockets of a NAT:   probes x sockets / ports
 *     meetings of guesses on both sides:            probes x probes / (ports x ports)
 *
 * Each number is of Poisson: none in e^-mean of all cases.
 */
import type { FamilyTruth, Profile } from './profile.js';

/** DESIGN decision 6: what a pair may spend on guessing before it has to stay on the relay. */
export const probesMax = 1500;
/** The same decision: sockets that wait for a guess. */
export const socketsMax = 256;
/** The mean of a number that is zero once in a hundred times. */
export const meetingsSure = Math.log(100);
/** The largest step from mapping to mapping that is called predictable. */
export const deltaMax = 8;
/** Deltas are measured with mappings this far apart: a few round trips to a relay. */
export const measureSpacingMs = 100;
/** From the last look at a port to the peer's probe: two relay round trips and a timer. */
export const observationAgeMs = 1000;
/** Of a NAT that chooses from all ports: 1024 to 65535. */
export const portsOfAll = 64_512;
/** Who is told the next port of a NAT that counts tries so many, as others take some of them. */
export const predictedPorts = 64;

/** One end of a pair in one family. */
export interface Side {
  readonly name: string;
  readonly udp: FamilyTruth;
  readonly wayIn: Profile['truth']['wayIn'];
  readonly crossTrafficPerSecond: number;
  readonly bansAfter: number | null;
}

export function isIndependent({ udp }: Pick<Side, 'udp'>): boolean {
  return udp.mapping === 'none' || udp.mapping === 'endpoint-independent';
}

export function isPredictable(side: Side): boolean {
  if (isIndependent(side)) return true;
  const { portAllocation, portDelta } = side.udp;
  return portAllocation === 'sequential' && Math.abs(measuredDelta(portDelta, side)) <= deltaMax;
}

/** The step between two mappings of ours, with what others take meanwhile. */
function measuredDelta(portDelta: number, { crossTrafficPerSecond }: Side): number {
  return portDelta * (1 + (crossTrafficPerSecond * measureSpacingMs) / 1000);
}

/** How many ports of `side` have to be tried until one is the right one. */
export function candidatePorts(side: Side, other: Side): number {
  if (isIndependent(side)) return 1;
  // The other knows its own port, tells it, and lets in whichever port answers from the address.
  if (isIndependent(other) && other.udp.filtering !== 'address-and-port-dependent') return 1;
  const { portAllocation, portDelta } = side.udp;
  const width = rangeOf(side);
  if (width !== undefined) return width;
  if (portAllocation !== 'sequential') return Number.POSITIVE_INFINITY;
  const taken = (side.crossTrafficPerSecond * observationAgeMs) / 1000;
  return Math.max(deltaMax, Math.abs(portDelta) * (1 + taken));
}

function rangeOf({ udp: { portRange } }: Side): number | undefined {
  return portRange === null ? undefined : portRange.high - portRange.low + 1;
}

/** Endpoints outside that a mapping of `side` may get. */
function placesOf(side: Side): number {
  return (rangeOf(side) ?? portsOfAll) * side.udp.addresses;
}

/** Many sockets of one side, each at an endpoint that nobody knows, against the other's guesses. */
function hitsAmongSockets(side: Side): number {
  return (probesMax * socketsMax) / placesOf(side);
}

interface Chance {
  readonly reason: string;
  readonly meetings: number;
}

export function birthday(a: Side, b: Side): Chance | undefined {
  if (isIndependent(a) !== isIndependent(b)) {
    const hard = isIndependent(a) ? b : a;
    return {
      reason: `many sockets of ${hard.name} against guesses of the other`,
      meetings: hitsAmongSockets(hard),
    };
  }
  const [left, right] = [rangeOf(a), rangeOf(b)];
  if (isIndependent(a) || left === undefined || right === undefined) return undefined;
  const meetings = probesMax ** 2 / (placesOf(a) * placesOf(b));
  return meetings < 1
    ? undefined
    : { reason: `both guess from many sockets: ${left} ports and ${right}`, meetings };
}

/**
 * Many sockets of this side, each open to the other's address at a port of its own: the other may guess from
 * anywhere, and what answers a guess leaves from the port that was guessed.
 */
export function permitted(side: Side): Chance | undefined {
  const { name, udp } = side;
  if (udp.mapping !== 'address-dependent') return undefined;
  if (udp.filtering === 'address-and-port-dependent') return undefined;
  return { reason: `the filter of ${name} lets guesses in`, meetings: hitsAmongSockets(side) };
}

/** Packets of `from` that arrive at `at` and that nobody has asked for, at most, until the two meet. */
export function knocksAt(kind: 'b' | 'c' | 'd' | 'e' | 'f', at: Side, from: Side): number {
  switch (kind) {
    case 'b':
      return 1;
    case 'd':
      return isIndependent(at) ? 1 : predictedPorts;
    case 'e':
      return Math.max(candidatePorts(at, from), candidatePorts(from, at) > 1 ? socketsMax : 1);
    case 'c':
    case 'f':
      // What opens the NAT of many sockets knocks as well.
      return isIndependent(at) ? socketsMax : probesMax;
  }
}
