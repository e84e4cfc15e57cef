/**
 * What to change so that a pair becomes direct, the surest first. Each promise is the path that the change alone
 * would give; where one change is not enough, it names both.
 *
 *     a port of one side open to everybody     enough for any pair that shares a family
 *     IPv6 at both ends                         enough: nobody translates it, and both punch
 *     a NAT that keeps one port                 enough if the other side's does too
 */

import {
  bothNats,
  bothSides,
  type Facts,
  hasFamily,
  hasOwnAddress,
  hasUdp,
  isReachable,
} from './facts.js';
import { allowUdp, allowUdpAndForward, allowUdpAndIpv6, enableIpv6, ways } from './fix-words.js';
import { hardFixes, unansweredFixes, unreachedFixes } from './fixes-nat.js';
import type { Fix, Rule } from './verdict.js';

/** More than a person reads. */
const fixesMax = 6;

type FixMaker = (facts: Facts) => readonly Fix[];

const wait: FixMaker = () => [
  {
    code: 'wait',
    do: 'Ask again in ten seconds: the search for a direct path is still running.',
    effect: null,
    where: 'self',
  },
];

const BY_RULE: Readonly<Partial<Record<Rule, FixMaker>>> = {
  'peer-offline': ({ peer }) => [
    {
      code: 'start-peer',
      do: `Start Warren on ${peer.name}, or let it reach the control server again.`,
      effect: 'relay',
      where: 'peer',
    },
  ],
  'peer-expired': ({ peer }) => [
    {
      code: 'log-in-again',
      do: `Log in again on ${peer.name} with \`warren up --auth-key KEY\`.`,
      effect: 'relay',
      where: 'peer',
    },
  ],
  'plain-wireguard-silent': ({ peer }) => [
    {
      code: 'start-peer',
      do: `See that WireGuard runs on ${peer.name} and that its endpoint is still right.`,
      effect: 'open',
      where: 'peer',
    },
  ],
  'no-relay': ({ evidence, peer }) => [
    {
      code: 'reach-relay',
      do: evidence.self.hasRelay
        ? `Let ${peer.name} reach a relay over TCP: its \`warren status\` says what is wrong.`
        : 'Let this machine reach a relay over TCP: `warren status` says what is wrong.',
      effect: 'relay',
      where: evidence.self.hasRelay ? 'peer' : 'self',
    },
  ],
  'idle-never-used': ({ peer }) => [
    {
      code: 'send-something',
      do: `Run \`warren ping ${peer.name}\`: a path is looked for when something is sent.`,
      effect: null,
      where: 'self',
    },
  ],
  'discovery-running': wait,
  'not-measured': wait,
  'nat-unknown': hardFixes,
  'udp-blocked': blockedFixes,
  'peer-not-warren': strangerFixes,
  'no-common-family': familyFixes,
  'same-lan-isolated': ({ peer }) => [
    {
      code: 'allow-lan',
      do: `Let machines of the network talk to each other: switch off client isolation at its access point, and let UDP to ${peer.name} through.`,
      effect: 'lan',
      where: 'both',
    },
  ],
  'reachable-unanswered': unansweredFixes,
  'both-hard': hardFixes,
  'hard-and-easy': hardFixes,
  'firewall-drops': unreachedFixes,
};

/** The fixes for a verdict by `rule`; a direct path needs none. */
export function fixesFor(facts: Facts, rule: Rule): readonly Fix[] {
  return (BY_RULE[rule]?.(facts) ?? []).slice(0, fixesMax);
}

/** UDP is let out; what that gives depends on the other side. */
function blockedFixes(facts: Facts): readonly Fix[] {
  const blocked = bothSides(facts).filter(({ nat }) => nat !== undefined && !hasUdp(nat));
  const [first] = blocked;
  if (first === undefined) return [];
  const other = first.side === 'self' ? facts.peer : facts.self;
  // Where one end has its address for itself, its packets go there, whatever let them pass.
  const effect = hasOwnAddress(other) ? 'open' : 'static';
  if (blocked.length === 2) return [allowUdpAndForward(first, effect, 'both')];
  if (other.nat !== undefined && !hasFamily(other.nat, 4)) return [allowUdpAndIpv6(first)];
  const forwarded = allowUdpAndForward(first, effect);
  return isReachable(other, 4)
    ? [allowUdp(first, ways(other)), forwarded]
    : [forwarded, allowUdp(first, 'punch')];
}

/** Of a peer that tells nothing only what we can do ourselves is sure. */
function strangerFixes(facts: Facts): readonly Fix[] {
  return [
    ...hardFixes(facts).filter(({ where }) => where === 'self'),
    {
      code: 'use-warren',
      do: `Run Warren on ${facts.peer.name} in place of its present client: then both ends are known.`,
      effect: null,
      where: 'peer',
    },
  ];
}

/** The family that one of them lacks; IPv6 needs no address of one's own to be shared. */
function familyFixes(facts: Facts): readonly Fix[] {
  const nats = bothNats(facts);
  if (nats === undefined) return [];
  const lacking = hasFamily(nats[0], 6) ? facts.peer : facts.self;
  return [enableIpv6([lacking])];
}
