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
 *     c  birthday  one maps independently, the other doesn't: many sockets against many guesses. Or both take
 *                  ports of small ranges: many sockets and guesses on both sides
 *     f  permitted both depend on the destination, but one's mapping and filter on the address alone: its many
 *                  sockets are all open to the other's guesses
 *
 * Everything else is impossible, and `reason` says why. What is possible takes luck when
 *
 *     - the budget of guesses finds nothing more often than once in a hundred times
 *     - a NAT takes any of several addresses, which can't be told beforehand as a port can
 *     - a firewall bans the other for more packets that nobody asked for than it bears
 */
import {
  birthday,
  candidatePorts,
  isIndependent,
  isPredictable,
  knocksAt,
  meetingsSure,
  permitted,
  probesMax,
  type Side,
} from './oracle-sides.js';
import type { Family, FamilyTruth, Profile } from './profile.js';

export const POSSIBLE_KINDS = ['a', 'b', 'd', 'e', 'c', 'f'] as const;
export type PossibleKind = (typeof POSSIBLE_KINDS)[number];

export type OracleVerdict =
  | {
      readonly possible: true;
      readonly kind: PossibleKind;
      readonly family: Family;
      /** A sentence for people. */
      readonly reason: string;
      /** It need not be direct each time. */
      readonly luck: boolean;
    }
  | {
      readonly possible: false;
      readonly kind: null;
      readonly family: null;
      readonly reason: string;
      readonly luck: false;
    };

/** Why a pair can meet, and how often on average within the budget. */
interface Way {
  readonly reason: string;
  readonly meetings: number;
}

type Rule = (a: Side, b: Side) => Way | undefined;

const surely = (reason: string | undefined): Way | undefined =>
  reason === undefined ? undefined : { reason, meetings: Number.POSITIVE_INFINITY };

const RULES: Readonly<Record<PossibleKind, Rule>> = {
  a: (a, b) => surely(anyoneReaches(a) ?? anyoneReaches(b)),
  b: (a, b) =>
    isIndependent(a) && isIndependent(b)
      ? surely('both keep one port for all destinations')
      : undefined,
  d: (a, b) =>
    isPredictable(a) && isPredictable(b)
      ? surely('the next port of each can be told beforehand')
      : undefined,
  e: (a, b) => {
    const product = candidatePorts(a, b) * candidatePorts(b, a);
    if (product > probesMax) return undefined;
    return surely(
      product === 1 ? 'one probe finds the port' : `${product} probes at most find the port`,
    );
  },
  c: birthday,
  f: (a, b) => permitted(a) ?? permitted(b),
};

/** What two machines at these places can have. The order of the two never matters but for the words. */
export function judgePair(a: Profile, b: Profile): OracleVerdict {
  const families = ([6, 4] as const).filter((family) => udpOf(a, family) && udpOf(b, family));
  for (const kind of POSSIBLE_KINDS) {
    for (const family of families) {
      const [left, right] = [sideOf(a, family), sideOf(b, family)];
      if (left === undefined || right === undefined) continue;
      const way = RULES[kind](left, right);
      if (way === undefined) continue;
      const luck = takesLuck(kind, left, right, way);
      return { possible: true, kind, family, reason: way.reason, luck };
    }
  }
  const reason = whyImpossible(a, b, families);
  return { possible: false, kind: null, family: null, reason, luck: false };
}

/** True when the pair has to be direct, without any luck. */
export function isCertain(verdict: OracleVerdict): boolean {
  return verdict.possible && !verdict.luck;
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
  const { wayIn, crossTrafficPerSecond, bansAfter } = profile.truth;
  return {
    name: profile.name,
    udp,
    // Routers map ports and balancers forward for IPv4.
    wayIn: family === 4 ? wayIn : null,
    crossTrafficPerSecond,
    bansAfter: family === 4 ? bansAfter : null,
  };
}

function takesLuck(kind: PossibleKind, a: Side, b: Side, { meetings }: Way): boolean {
  if (kind === 'a') return false;
  if (meetings < meetingsSure) return true;
  if (a.udp.addresses > 1 || b.udp.addresses > 1) return true;
  return isBanned(kind, a, b) || isBanned(kind, b, a);
}

/** Whether the firewall of one bans the other while they look for each other. */
function isBanned(kind: Exclude<PossibleKind, 'a'>, at: Side, from: Side): boolean {
  return at.bansAfter !== null && knocksAt(kind, at, from) > at.bansAfter;
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
