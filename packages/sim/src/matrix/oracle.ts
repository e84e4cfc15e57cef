/**
 * The oracle: which pairs of profiles can be direct at all, judged from the truth about both places alone. It
 * knows nothing of any program that tries. One address family has to work at both ends, and in it, the first
 * of these in this order:
 *
 *     a  anyone    one side is reached by anybody: nothing filters, a mapping that lets all in, a proven
 *                  mapped or static endpoint, open IPv6
 *     b  punch     both map independently of the endpoint
 *     d  predict   both ports can be told beforehand: the measured delta is at most 8
 *     e  budget    the candidate ports of both, multiplied, fit the budget of probes
 *     c  birthday  one maps independently, the other doesn't: many sockets against many guesses
 *     f  permitted both depend on the destination, but the filter of one lets the birthday method in
 *
 * Everything else is impossible, and `reason` says why.
 */
import type { Family, FamilyTruth, Profile } from './profile.js';

/** DESIGN decision 6: what a pair may spend on guessing before it has to stay on the relay. */
export const probesMax = 1500;
/** The largest step from mapping to mapping that is called predictable. */
export const deltaMax = 8;
/** Deltas are measured with mappings this far apart: a few round trips to a relay. */
export const measureSpacingMs = 100;
/** From the last look at a port to the peer's probe: two relay round trips and a timer. */
export const observationAgeMs = 1000;

export const POSSIBLE_KINDS = ['a', 'b', 'd', 'e', 'c', 'f'] as const;
export type PossibleKind = (typeof POSSIBLE_KINDS)[number];

/** Ways that need no luck: a cell of these has to be direct. */
export const CERTAIN_KINDS: readonly PossibleKind[] = ['a', 'b', 'd', 'e'];

export type OracleVerdict =
  | {
      readonly possible: true;
      readonly kind: PossibleKind;
      readonly family: Family;
      /** A sentence for people. */
      readonly reason: string;
    }
  | {
      readonly possible: false;
      readonly kind: null;
      readonly family: null;
      readonly reason: string;
    };

/** One end of a pair in one family. */
interface Side {
  readonly name: string;
  readonly udp: FamilyTruth;
  readonly wayIn: Profile['truth']['wayIn'];
  readonly crossTrafficPerSecond: number;
}

type Rule = (a: Side, b: Side) => string | undefined;

const RULES: Readonly<Record<PossibleKind, Rule>> = {
  a: (a, b) => anyoneReaches(a) ?? anyoneReaches(b),
  b: (a, b) =>
    isIndependent(a) && isIndependent(b) ? 'both keep one port for all destinations' : undefined,
  d: (a, b) =>
    isPredictable(a) && isPredictable(b)
      ? 'the next port of each can be told beforehand'
      : undefined,
  e: (a, b) => {
    const product = candidatePorts(a, b) * candidatePorts(b, a);
    if (product > probesMax) return undefined;
    return product === 1 ? 'one probe finds the port' : `${product} probes at most find the port`;
  },
  c: (a, b) =>
    isIndependent(a) !== isIndependent(b)
      ? `many sockets of ${(isIndependent(a) ? b : a).name} against guesses of the other`
      : undefined,
  f: (a, b) => birthdayPermitted(a) ?? birthdayPermitted(b),
};

/** What two machines at these places can have. The order of the two never matters but for the words. */
export function judgePair(a: Profile, b: Profile): OracleVerdict {
  const families = ([6, 4] as const).filter((family) => udpOf(a, family) && udpOf(b, family));
  for (const kind of POSSIBLE_KINDS) {
    for (const family of families) {
      const [left, right] = [sideOf(a, family), sideOf(b, family)];
      if (left === undefined || right === undefined) continue;
      const reason = RULES[kind](left, right);
      if (reason !== undefined) return { possible: true, kind, family, reason };
    }
  }
  return { possible: false, kind: null, family: null, reason: whyImpossible(a, b, families) };
}

/** True when the pair has to be direct, without any luck. */
export function isCertain(verdict: OracleVerdict): boolean {
  return verdict.possible && CERTAIN_KINDS.includes(verdict.kind);
}

const TOO_MANY = 'both take a new port for each destination, and there are too many to guess';

/** True where packets could meet, and only the number of guesses rules it out. */
export function isBeyondBudget(verdict: OracleVerdict): boolean {
  return !verdict.possible && verdict.reason === TOO_MANY;
}

function whyImpossible(a: Profile, b: Profile, families: readonly Family[]): string {
  const blocked = [a, b].filter(({ truth }) => truth.ipv4 === null && truth.ipv6 === null);
  if (blocked.length > 0) return `no UDP gets through at ${namesOf(blocked)}`;
  if (families.length === 0) return 'no address family works at both ends';
  return TOO_MANY;
}

function namesOf(profiles: readonly Profile[]): string {
  return [...new Set(profiles.map(({ name }) => name))].join(' and ');
}

function udpOf({ truth }: Profile, family: Family): FamilyTruth | null {
  return family === 4 ? truth.ipv4 : truth.ipv6;
}

function sideOf(profile: Profile, family: Family): Side | undefined {
  const udp = udpOf(profile, family);
  if (udp === null) return undefined;
  const { wayIn, crossTrafficPerSecond } = profile.truth;
  // Routers map ports and balancers forward for IPv4.
  return { name: profile.name, udp, wayIn: family === 4 ? wayIn : null, crossTrafficPerSecond };
}

function anyoneReaches({ name, udp, wayIn }: Side): string | undefined {
  if (wayIn === 'portmap') return `anybody reaches the mapped port of ${name}`;
  if (wayIn === 'static') return `anybody reaches the static endpoint of ${name}`;
  if (udp.filtering === 'none') return `anybody reaches ${name}`;
  // A filter that is open at ports nobody knows would not help.
  if (udp.filtering === 'endpoint-independent' && isIndependent({ udp })) {
    return `anybody reaches the port that ${name} has mapped`;
  }
  return undefined;
}

function isIndependent({ udp }: Pick<Side, 'udp'>): boolean {
  return udp.mapping === 'none' || udp.mapping === 'endpoint-independent';
}

function isPredictable(side: Side): boolean {
  if (isIndependent(side)) return true;
  const { portAllocation, portDelta } = side.udp;
  return portAllocation === 'sequential' && Math.abs(measuredDelta(portDelta, side)) <= deltaMax;
}

/** The step between two mappings of ours, with what others take meanwhile. */
function measuredDelta(portDelta: number, { crossTrafficPerSecond }: Side): number {
  return portDelta * (1 + (crossTrafficPerSecond * measureSpacingMs) / 1000);
}

/** How many ports of `side` have to be tried until one is the right one. */
function candidatePorts(side: Side, other: Side): number {
  if (isIndependent(side)) return 1;
  // The other knows its own port, tells it, and lets in whichever port answers from the address.
  if (isIndependent(other) && other.udp.filtering !== 'address-and-port-dependent') return 1;
  const { portAllocation, portDelta, portRange } = side.udp;
  if (portRange !== null) return portRange.high - portRange.low + 1;
  if (portAllocation !== 'sequential') return Number.POSITIVE_INFINITY;
  const taken = (side.crossTrafficPerSecond * observationAgeMs) / 1000;
  return Math.max(deltaMax, Math.abs(portDelta) * (1 + taken));
}

/** Many sockets of this side, each let in at whatever port it got: the other may guess from anywhere. */
function birthdayPermitted({ name, udp }: Side): string | undefined {
  if (udp.filtering === 'address-and-port-dependent') return undefined;
  return `the filter of ${name} lets guesses in`;
}
